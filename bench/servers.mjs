// A Redis and a PostgreSQL for a benchmark: what the machine has installed, on free ports of the loopback interface, gone with the process.
// How much they write to disk decides what a refresh costs, so it is said: by default what the servers' own defaults are.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";

/**
 * `{ port, url, pid, version, durability, stop() }`. `durable` left out: Redis's own defaults, a snapshot now and then; true: an append-only
 * file, synced every second; false: nothing on disk. `args` are added to the command line.
 */
export async function startRedis({ durable, args = [] } = {}) {
  const { directory, clean } = temporaryFolder("redis");
  const [durability, settings] = {
    undefined: ["snapshots (Redis's default)", []],
    true: ["append-only file, synced every second", ["--appendonly", "yes", "--appendfsync", "everysec"]],
    false: ["nothing on disk", ["--save", "", "--appendonly", "no"]],
  }[durable];
  const { port, child } = await started(clean, (free) => ({
    program: "redis-server",
    args: ["--port", `${free}`, "--bind", "127.0.0.1", "--dir", directory, ...settings, ...args],
    ready: /Ready to accept connections/,
  }));
  const [, version] = /v=([\d.]+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" })) ?? [];
  return { port, url: `redis://127.0.0.1:${port}`, pid: child.pid, version, durability, stop: () => end(child, "SIGTERM", clean) };
}

/**
 * `{ port, url, pid, version, durability, stop() }`, the superuser `postgres` without a password. `durable` left out or true: PostgreSQL's own
 * defaults, each commit synced to disk; false: nothing is synced. `settings` are added, such as `{ max_connections: "400" }`.
 */
export async function startPostgres({ durable = true, settings = {} } = {}) {
  const bin = postgresPrograms();
  const user = unprivileged();
  const { directory, clean } = temporaryFolder("postgres");
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const all = { ...(!durable && { fsync: "off", full_page_writes: "off", synchronous_commit: "off" }), ...settings };
  try {
    execFileSync(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"], {
      stdio: ["ignore", "ignore", "pipe"],
      cwd: directory,
      ...user,
    });
  } catch (error) {
    clean();
    throw error;
  }
  const { port, child } = await started(clean, (free) => ({
    program: join(bin, "postgres"),
    args: [
      ...["-D", data, "-p", `${free}`, "-h", "127.0.0.1", "-k", ""],
      ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    ready: /ready to accept connections/,
    ...user,
  }));
  const [version] = /[\d.]+/.exec(execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" })) ?? [];
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pid: child.pid,
    version,
    durability: durable ? "each commit synced (PostgreSQL's default)" : "nothing synced",
    stop: () => end(child, "SIGQUIT", clean),
  };
}

function temporaryFolder(name) {
  const directory = mkdtempSync(join(tmpdir(), `hubspot-oauth-bench-${name}-`));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  endOnSignals();
  const clean = () => {
    process.off("exit", remove);
    remove();
  };
  return { directory, clean };
}

/** A process that a signal ends runs no "exit" listeners: servers and folders would stay. */
function endOnSignals() {
  if (endOnSignals.done) return;
  endOnSignals.done = true;
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ]) {
    process.once(signal, () => process.exit(128 + number));
  }
}

/** Debian keeps them off the PATH. */
function postgresPrograms() {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env.PATH ?? "").split(delimiter)];
  const bin = folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
  if (bin === undefined) throw new Error("There is no PostgreSQL on this machine: apt-get install postgresql");
  return bin;
}

/** PostgreSQL refuses to run as root: there, it runs as its own user, or as nobody. */
function unprivileged() {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag, user) => Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
  for (const user of ["postgres", "nobody"]) {
    try {
      return { uid: idOf("-u", user), gid: idOf("-g", user) };
    } catch {
      // No such user here: the next one.
    }
  }
  throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.");
}

/** On a free port; again on another when somebody took it meanwhile. */
async function started(clean, commandOn) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { port, child: await spawnServer(commandOn(port)) };
    } catch (error) {
      if (attempt < 3) continue;
      clean();
      throw error;
    }
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Waits until it says that it is ready; throws its last words when it ends before. */
async function spawnServer({ program, args, ready, uid, gid }) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, LC_ALL: "C" },
    ...(uid !== undefined && { uid, gid }),
  });
  const endWithUs = () => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  let said = "";
  await new Promise((fulfil, reject) => {
    const listen = (chunk) => {
      said = (said + chunk.toString()).slice(-4_000);
      if (ready.test(said)) fulfil();
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code} before it was ready: ${said}`)));
  });
  return child;
}

async function end(child, signal, clean) {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
  clean();
}
