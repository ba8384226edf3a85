/** A real PostgreSQL for one test run or one test: its own data folder in the temporary directory, a free port of the loopback interface. */
import { execFileSync, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { endServer, spawnServer, startOnFreePort } from "./spawned.js";

/** A PostgreSQL that runs, with the superuser `postgres`, no password, and the database `postgres`. */
export interface PostgresServer {
  readonly port: number;
  /** `postgres://postgres@127.0.0.1:<port>/postgres` */
  readonly url: string;
  /** Ends it as a crash does and starts it again over what it had written. */
  restart(): Promise<void>;
  /** Ends it as a crash does; `restart` brings it back. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** The folder of the programs: Debian keeps them off the PATH. */
function programs(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/** Whether this machine has a PostgreSQL to start. */
export function hasPostgres(): boolean {
  return programs() !== undefined;
}

/** PostgreSQL refuses to run as root: there, it runs as its own user, or as nobody. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string, user: string): number => Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
  for (const user of ["postgres", "nobody"]) {
    try {
      return { uid: idOf("-u", user), gid: idOf("-g", user) };
    } catch {
      // No such user here: the next one.
    }
  }
  throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.");
}

/** Starts one. `settings` are added to its configuration, such as `{ max_connections: "10" }`. */
export async function startPostgres({
  settings = {},
}: { readonly settings?: Readonly<Record<string, string>> } = {}): Promise<PostgresServer> {
  const bin = programs();
  if (bin === undefined) throw new Error("There is no PostgreSQL on this machine.");
  const user = unprivileged();
  const directory = mkdtempSync(join(tmpdir(), "hubspot-oauth-postgres-"));
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const clean = (): void => rmSync(directory, { recursive: true, force: true });
  process.once("exit", clean);
  const all = { fsync: "off", full_page_writes: "off", synchronous_commit: "off", ...settings };
  const start = (port: number): Promise<ChildProcess> =>
    spawnServer({
      program: join(bin, "postgres"),
      args: [
        ...["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", ""],
        ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      ready: /ready to accept connections/,
      ...user,
    });
  try {
    execFileSync(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"], {
      stdio: ["ignore", "ignore", "pipe"],
      cwd: directory,
      ...user,
    });
    let port = 0;
    let child = await startOnFreePort((free) => start((port = free)));
    return {
      port,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      restart: async () => {
        await endServer(child, "SIGQUIT");
        child = await start(port);
      },
      kill: () => endServer(child, "SIGQUIT"),
      stop: async () => {
        await endServer(child, "SIGQUIT");
        clean();
        process.off("exit", clean);
      },
    };
  } catch (error) {
    clean();
    throw error;
  }
}
