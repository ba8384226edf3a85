/** A real Redis for one test run or one test: on a free port of the loopback interface, in memory only. */
import { spawnSync, type ChildProcess } from "node:child_process";
import { endServer, spawnServer, startOnFreePort } from "./spawned.js";

/** A Redis that runs. */
export interface RedisServer {
  readonly port: number;
  /** Its process, for signals. It is another one after `restart`. */
  readonly pid: number;
  /** Ends it and starts an empty one on the same port. */
  restart(): Promise<void>;
  /** Ends it as a crash does; `restart` brings it back. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this machine has a Redis to start. */
export function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

/** Starts one. `args` are added to the command line, such as `["--maxmemory", "2mb"]`. */
export async function startRedis({ args = [] }: { readonly args?: readonly string[] } = {}): Promise<RedisServer> {
  const start = (port: number): Promise<ChildProcess> =>
    spawnServer({
      program: "redis-server",
      // No configuration file, nothing on disk: `--dir` is only where it stands.
      args: ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/", ...args],
      ready: /Ready to accept connections/,
    });
  let port = 0;
  let child = await startOnFreePort((free) => start((port = free)));
  return {
    port,
    get pid() {
      return child.pid ?? 0;
    },
    restart: async () => {
      await endServer(child, "SIGKILL");
      child = await start(port);
    },
    kill: () => endServer(child, "SIGKILL"),
    stop: () => endServer(child, "SIGTERM"),
  };
}
