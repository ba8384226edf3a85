// @ts-check
/**
 * `npm run example:next`: copies this app to a temporary folder, installs it there from its lock file and hubspot-oauth from the tarball that
 * `npm pack` makes, builds it without any of its environment, and starts it on the emulator. The folder goes in the end.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hubspotFor } from "../web-app/emulator.mjs";

const source = fileURLToPath(new URL(".", import.meta.url));
const repository = fileURLToPath(new URL("../..", import.meta.url));
const folder = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-next-"));
const next = ["node_modules/next/dist/bin/next"];
const { PATH, HOME, TMPDIR } = process.env;
const bare = { PATH, HOME, TMPDIR, NEXT_TELEMETRY_DISABLED: "1" };

// Ctrl-C reaches the program that runs at the moment as well: that one ends, and so does what comes after it here.
let isInterrupted = false;
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => (isInterrupted = true));

try {
  const app = join(folder, "app");
  await cp(source, app, { recursive: true, filter: (path) => !["node_modules", ".next", ".tokens"].includes(basename(path)) });
  console.log("Installing Next.js, and hubspot-oauth from this tree...");
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], { cwd: repository });
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["ci", "--ignore-scripts", ...quiet], { cwd: app });
  await run("npm", ["install", "--no-save", "--ignore-scripts", ...quiet, join(folder, tarball)], { cwd: app });

  console.log("Building, without a client id or a secret...");
  await run(process.execPath, [...next, "build"], { cwd: app, env: bare });

  const { env, emulator, close } = await hubspotFor({ name: "Next.js example", scopes: "crm.objects.contacts.read" });
  try {
    if (emulator !== undefined) console.log(`HubSpot is the emulator at ${emulator.origin}: no account is needed.`);
    const secrets = { SESSION_SECRET: randomBytes(32).toString("hex"), TOKEN_DIRECTORY: join(folder, "tokens") };
    const args = [...next, "start", "--hostname", "localhost", "--port", env.PORT ?? "3000"];
    const server = start(process.execPath, args, { cwd: app, env: { ...secrets, ...env, ...bare } });
    server.stdout.on("data", (text) => {
      if (/Ready in/.test(String(text))) console.log(`Open http://localhost:${env.PORT}/\nCtrl-C ends it.`);
      else process.stdout.write(text);
    });
    const [status] = await once(server, "exit");
    if (!isInterrupted) process.exitCode = status ?? 1;
  } finally {
    await close();
  }
} catch (error) {
  if (!isInterrupted) throw error;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 */
function start(program, args, options) {
  if (isInterrupted) throw new Error("Interrupted.");
  return spawn(program, args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
}

/**
 * Runs a program to its end. What it says is shown when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 */
async function run(program, args, options) {
  const child = start(program, args, options);
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with status ${status}:\n${output}`);
}
