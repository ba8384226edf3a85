/** A server of another project as a child process of a test run: started on a free port, and gone with the run whatever happens. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../free-port.js";

/** Starts with a free port; again with another when the server ends before it is ready. */
export async function startOnFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/** How to start one. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Printed, to either stream, when it takes connections. */
  readonly ready: RegExp;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Starts a server and waits until it says that it is ready. @throws with its last words when it ends before. */
export async function spawnServer({ program, args, ready, uid, gid }: Command): Promise<ChildProcess> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  });
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-4_000);
      if (ready.test(said)) resolve();
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${String(code)} before it was ready: ${said}`)));
  });
  return child;
}

/** Ends a server and waits until it is gone. */
export async function endServer(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}
