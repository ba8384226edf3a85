/** The servers of the run as store addresses: one namespace for each world, so that nobody sees anybody else's accounts. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import type { StoreAddress } from "./worker-protocol.js";

/** A kind of store that processes can share, by its name, and addresses of stores that are still empty. */
export type Backend = readonly [name: string, address: () => StoreAddress];

const redisPort = inject("redisPort");
const postgresUrl = inject("postgresUrl");

function namespace(): string {
  return `processes-${randomBytes(6).toString("hex")}`;
}

function redis(port: number): Backend {
  return ["Redis", () => ({ kind: "redis", port, namespace: namespace() })];
}

function postgres(url: string): Backend {
  return ["PostgreSQL", () => ({ kind: "postgres", url, namespace: namespace() })];
}

/** Those that this machine has; `global-setup.ts` has said which it has not. */
export const BACKENDS: readonly Backend[] = [
  ...(redisPort === undefined ? [] : [redis(redisPort)]),
  ...(postgresUrl === undefined ? [] : [postgres(postgresUrl)]),
];

/** Those, and a folder: all that processes of one machine can share. */
export function everyBackend(): Backend[] {
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  const files = (): StoreAddress => {
    const directory = mkdtempSync(join(tmpdir(), "processes-"));
    folders.push(directory);
    return { kind: "file", directory };
  };
  return [...BACKENDS, ["files", files]];
}
