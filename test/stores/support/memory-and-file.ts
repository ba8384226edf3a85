/** The shipped stores that need no server, as the contract wants them, with everything it can ask for. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryTokenStore, type TokenStore } from "../../../src/index.js";
import { FileTokenStore } from "../../../src/stores/file.js";
import type { ContractSubject } from "../../../src/testing/store-contract/run.js";
import { outage, switchable } from "./switchable.js";

export type WholeSubject = Required<Omit<ContractSubject<TokenStore>, "lacks">>;

export const memoryStores: WholeSubject = {
  create: () => switchable(new MemoryTokenStore()),
  second: (store) => store,
  createNamespace: () => new MemoryTokenStore(),
  ...outage,
  destroy: () => undefined,
};

const directories = new WeakMap<TokenStore, string>();

function storeIn(directory: string): TokenStore {
  const store = new FileTokenStore({ directory });
  directories.set(store, directory);
  return store;
}

const directoryOf = (store: TokenStore): string => directories.get(store) ?? "";
const newDirectory = (): string => mkdtempSync(join(tmpdir(), "tokens-"));

export const fileStores: WholeSubject = {
  create: () => storeIn(newDirectory()),
  second: (store) => storeIn(directoryOf(store)),
  createNamespace: () => storeIn(newDirectory()),
  // The directory is a file all of a sudden.
  breakBackend(store) {
    renameSync(directoryOf(store), `${directoryOf(store)}.away`);
    writeFileSync(directoryOf(store), "");
  },
  mend(store) {
    rmSync(directoryOf(store));
    renameSync(`${directoryOf(store)}.away`, directoryOf(store));
  },
  destroy: (store) => rmSync(directoryOf(store), { recursive: true, force: true }),
};
