// @ts-check
/** For the example only: your REDIS_URL or DATABASE_URL, else a Redis or PostgreSQL of this machine, started for as long as the example runs. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/**
 * Answers what the processes need to know to reach it; `undefined` when there is none, after saying what is missing.
 * @param {"redis" | "postgres"} kind
 * @returns {Promise<{ name: string, env: Record<string, string>, stop: () => Promise<void> } | undefined>}
 */
export async function localServer(kind) {
  const [variable, name] = kind === "redis" ? ["REDIS_URL", "Redis"] : ["DATABASE_URL", "PostgreSQL"];
  const given = process.env[variable];
  if (given !== undefined) return { name, env: { [variable]: given }, stop: async () => undefined };
  const port = await freePort();
  const started = kind === "redis" ? await startRedis(port) : await startPostgres(port);
  if (started !== undefined) return { name, env: { [variable]: started.url }, stop: started.stop };
  console.error(
    `There is no ${name} here: set ${variable}, or install it (apt-get install ${kind === "redis" ? "redis-server" : "postgresql"}).`,
  );
  return undefined;
}

/** @param {number} port */
async function startRedis(port) {
  if (spawnSync("redis-server", ["--version"]).status !== 0) return undefined;
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tmpdir()];
  return { url: `redis://127.0.0.1:${port}`, stop: await start("redis-server", args, /Ready to accept connections/) };
}

/** @param {number} port */
async function startPostgres(port) {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : [];
  const folders = [...versions, ...(process.env["PATH"] ?? "").split(delimiter)];
  const bin = folders.find((folder) => existsSync(join(folder, "initdb")));
  if (bin === undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "example-worker-"));
  // PostgreSQL does not run as root.
  const user = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  execFileSync(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], {
    ...user,
    stdio: "ignore",
    cwd: directory,
  });
  const args = ["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"];
  const stop = await start(join(bin, "postgres"), args, /ready to accept connections/, { ...user, directory });
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop };
}

/** @param {"-u" | "-g"} flag */
function idOf(flag) {
  return Number(execFileSync("id", [flag, "postgres"]));
}

/**
 * Starts a server, waits until it is ready, and answers how to end it. It ends with this process in any case.
 * @param {string} program
 * @param {string[]} args
 * @param {RegExp} ready
 * @param {{ uid?: number, gid?: number, directory?: string }} [options] `directory` is removed in the end
 */
async function start(program, args, ready, { directory, ...user } = {}) {
  const child = spawn(program, args, { ...user, stdio: ["ignore", "pipe", "pipe"] });
  const clean = () => {
    child.kill("SIGKILL");
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", clean);
  await new Promise((resolve, reject) => {
    for (const output of [child.stdout, child.stderr]) output.on("data", (text) => ready.test(String(text)) && resolve(undefined));
    child.once("exit", () => reject(new Error(`${program} ended before it was ready.`)));
  });
  return async () => {
    const gone = once(child, "exit");
    child.kill("SIGINT");
    await gone;
    clean();
    process.off("exit", clean);
  };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
