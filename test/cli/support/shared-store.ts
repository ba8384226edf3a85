/** A database of the run as the program addresses it, and as the test beside it opens it. */
import { onTestFinished } from "vitest";
import type { TokenStore } from "../../../src/index.js";
import { PostgresTokenStore } from "../../../src/stores/postgres.js";
import type { Backend } from "../../processes/support/backends.js";
import { openStore } from "../../processes/support/open-store.js";

/** Opens an empty one, closed when the test ends. */
export async function openSharedStore(
  address: ReturnType<Backend[1]>,
): Promise<{ readonly address: string; readonly namespace: string | undefined; readonly tokenStore: TokenStore }> {
  const opened = await openStore(address);
  onTestFinished(() => opened.close());
  const { store } = opened;
  if (store instanceof PostgresTokenStore) await store.createTables();
  switch (address.kind) {
    case "file":
      return { address: `file:${address.directory}`, namespace: undefined, tokenStore: store };
    case "redis":
      return { address: `redis://127.0.0.1:${address.port}`, namespace: address.namespace, tokenStore: store };
    case "postgres":
      return { address: address.url, namespace: address.namespace, tokenStore: store };
  }
}
