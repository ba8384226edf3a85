/**
 * `hubspot-oauth login` as a process: NA-01, the listener takes one callback of its own flow and nothing else; NA-02, an address reaches the
 * browser's opener as one argument. And without a browser.
 */
import { once } from "node:events";
import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { connect as connectSocket, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openBrowser } from "../../src/cli/open-browser.js";
import { freePort } from "../support/free-port.js";
import { createCliWorld, type CliWorld, type CliWorldOptions } from "./support/cli-world.js";
import { installCli, type Run } from "./support/installed-cli.js";

const cli = installCli();

const HARBOUR = 24681012;
const NORDLICHT = 135791113;

interface LoginWorld extends CliWorld {
  readonly port: number;
  /** Starts `login`, and answers when it listens. */
  login(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ readonly run: Run; readonly url: string }>;
}

async function createLoginWorld(options: CliWorldOptions = {}): Promise<LoginWorld> {
  const port = await freePort();
  const world = await createCliWorld(cli, {
    ...options,
    emulator: { app: { clientSecret: "secret-of-the-app-c4n4ry", redirectUris: [`http://localhost:${port}/oauth/callback`] } },
  });
  return {
    ...world,
    port,
    login: async (args = ["--no-browser"], env = {}) => {
      const run = world.start(["login", ...args], { env });
      await run.wrote(/Waiting on http:\/\/localhost/);
      const [url] = await run.wrote(/^http:\S+\/oauth\/\S*authorize\?\S+$/m);
      return { run, url };
    },
  };
}

/** A request as any program on this machine may send it; `undefined` when nobody listens. */
async function ask(
  port: number,
  path: string,
  { host = "127.0.0.1", name = `localhost:${port}`, method = "GET", loaded = "document" } = {},
): Promise<number | undefined> {
  const socket = connectSocket({ port, host });
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${name}\r\nsec-fetch-dest: ${loaded}\r\nconnection: close\r\n\r\n`);
  const failed = await once(socket, "close").then(
    () => false,
    () => true,
  );
  socket.destroy();
  return failed || answer === "" ? undefined : Number(answer.slice(9, 12));
}

const pathOf = (callback: string): string => callback.slice(new URL(callback).origin.length);

describe("login", () => {
  it.each(["127.0.0.1", "::1"])("takes the browser's callback on %s, stores the tokens privately, and is gone", async (host) => {
    const world = await createLoginWorld();
    const { run, url } = await world.login();
    const callback = await world.emulator.authorize(url, { hubId: HARBOUR });
    expect(await ask(world.port, pathOf(callback), { host })).toBe(200);
    expect(await run.ended()).toMatchObject({ status: 0, stdout: "Connected account 24681012: oauth crm.objects.contacts.read\n" });
    expect(await world.oauth.getAccount("24681012")).toMatchObject({ status: "active" });
    const directory = join(world.folder, ".hubspot-oauth");
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(directory)) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    expect(await ask(world.port, pathOf(callback), { host })).toBeUndefined();
  });

  it("opens the browser with the address as one argument, and the flow ends by itself", async () => {
    const world = await createLoginWorld({
      files: {
        browser: `#!/bin/sh\nprintf '%s\\n' "$#" "$1" > opened\nexec curl -s -L -o page --data "hub_id=${NORDLICHT}&decision=grant" "$1"\n`,
      },
    });
    await chmod(join(world.folder, "browser"), 0o700);
    const { run, url } = await world.login(["--json"], { BROWSER: join(world.folder, "browser") });
    const { status, stdout } = await run.ended();
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ accountId: String(NORDLICHT), reconnected: false });
    expect(await readFile(join(world.folder, "opened"), "utf8")).toBe(`1\n${url}\n`);
  });

  it("works without a browser: the address it ends at may be pasted, after others that are not ours", async () => {
    const world = await createLoginWorld();
    const { run, url } = await world.login();
    run.child.stdin.write("http://localhost/oauth/callback?code=somebody-elses&state=x\n\n");
    await run.wrote(/Paste the whole address/);
    run.child.stdin.write(`${await world.emulator.authorize(url)}\n`);
    expect(await run.ended()).toMatchObject({ status: 0, stdout: expect.stringContaining("Connected account 24681012") });
  });

  it("with a redirect URI on a server it only reads the pasted address, and ends when there is none", async () => {
    const redirectUri = "https://app.example.com/oauth/callback";
    const world = await createCliWorld(cli, { emulator: { app: { redirectUris: [redirectUri] } } });
    const run = world.start(["login", "--no-browser"]);
    const [url] = await run.wrote(/^http:\S+authorize\?\S+$/m);
    run.child.stdin.end(`${await world.emulator.authorize(url)}\n`);
    expect(await run.ended()).toMatchObject({ status: 0 });
    expect(await world.run(["login", "--no-browser"])).toMatchObject({ status: 2, stderr: expect.stringContaining("input ended") });
  });

  it("refuses another host, path, method and flow, and goes on waiting for its own", async () => {
    const world = await createLoginWorld();
    const { run, url } = await world.login();
    const { port } = world;
    const callback = pathOf(await world.emulator.authorize(url));
    expect(await ask(port, callback, { name: "evil.example" })).toBe(400);
    expect(await ask(port, callback, { name: `127.0.0.1:${port}` })).toBe(400);
    expect(await ask(port, callback, { name: "localhost" })).toBe(400);
    expect(await ask(port, callback.replace("/oauth/callback", "/"))).toBe(404);
    expect(await ask(port, "/favicon.ico")).toBe(404);
    for (const method of ["POST", "OPTIONS"]) expect(await ask(port, callback, { method })).toBe(405);
    expect(await ask(port, "/oauth/callback")).toBe(400);
    expect(await ask(port, "/oauth/callback?code=injected&state=forged")).toBe(400);
    // A page of another site that is open in the same browser.
    for (const loaded of ["image", "iframe", "empty"]) expect(await ask(port, "/oauth/callback?error=access_denied", { loaded })).toBe(403);
    // The flow of somebody else at the same app, whose browser was led here.
    const other = await world.oauth.createAuthorization({ binding: "another browser" });
    expect(await ask(port, pathOf(await world.emulator.authorize(other.url)))).toBe(400);
    expect(world.emulator.count("token")).toBe(0);
    expect(await ask(port, callback)).toBe(200);
    expect(await run.ended()).toMatchObject({ status: 0 });
    expect(world.emulator.count("token")).toBe(1);
  });

  it("cannot be reached from another machine", async () => {
    const world = await createLoginWorld();
    const { run } = await world.login();
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    // On a machine with no network there is nothing else to reach it by but the rest of the loopback net.
    const others = [
      "127.0.0.2",
      ...addresses.filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => address),
    ];
    for (const host of others) expect(await ask(world.port, "/oauth/callback", { host })).toBeUndefined();
    run.child.kill("SIGINT");
    expect(await run.ended()).toMatchObject({ status: 130, stdout: "" });
  });

  it("of two callbacks at once one is taken, and the code is sent once", async () => {
    const world = await createLoginWorld();
    const { run, url } = await world.login();
    const callback = pathOf(await world.emulator.authorize(url));
    const answers = await Promise.all([ask(world.port, callback), ask(world.port, callback)]);
    expect(answers.filter((status) => status === 200)).toHaveLength(1);
    expect(await run.ended()).toMatchObject({ status: 0 });
    expect(world.emulator.count("token")).toBe(1);
  });

  it("a denial ends it, and another account than the one to reconnect stores nothing", async () => {
    const world = await createLoginWorld();
    const denied = await world.login();
    expect(await ask(world.port, pathOf(await world.emulator.authorize(denied.url, { decision: "deny" })))).toBe(200);
    expect(await denied.run.ended()).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("access_denied") });

    await world.connect(HARBOUR);
    const again = await world.login(["--no-browser", "--account", String(HARBOUR)]);
    expect(await ask(world.port, pathOf(await world.emulator.authorize(again.url, { hubId: HARBOUR })))).toBe(200);
    expect(await again.run.ended()).toMatchObject({ status: 0, stdout: expect.stringContaining("Reconnected account 24681012") });
    expect((await world.run(["login", "--account", "1"])).status).toBe(4);
  });

  it("nobody comes: it ends by itself", async () => {
    const world = await createLoginWorld();
    const run = world.start(["login", "--no-browser", "--timeout", "1"]);
    expect(await run.ended()).toMatchObject({ status: 5, stderr: expect.stringContaining("Nobody came back within 1 seconds") });
  });

  it("says that the port is taken, by the application itself for example", async () => {
    const world = await createLoginWorld();
    const server = createServer().listen(world.port, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    expect(await world.run(["login", "--no-browser"])).toMatchObject({ status: 3, stderr: expect.stringContaining("EADDRINUSE") });
  });
});

describe("openBrowser", () => {
  it.each([
    ["a file", "file:///etc/passwd"],
    ["a script", "javascript:alert(1)"],
    ["another program's address", "vscode://open?x"],
    ["plain http elsewhere", "http://app.hubspot.example/oauth/authorize"],
    ["an address with a password", "https://user:secret@app.hubspot.com/"],
    ["an option", "--help"],
    ["nothing", ""],
  ])("does not open %s", async (_, address) => {
    const folder = await cli.project({ browser: "#!/bin/sh\n: > opened\n" });
    await chmod(join(folder, "browser"), 0o700);
    vi.stubEnv("BROWSER", join(folder, "browser"));
    expect(await openBrowser(address)).toBe(false);
    expect(await readdir(folder)).not.toContain("opened");
  });

  it("no part of an address is run: it is one argument", async () => {
    const folder = await cli.project({ browser: `#!/bin/sh\nprintf '%s\\n' "$#" "$1" > "$(dirname "$0")/opened"\n` });
    await chmod(join(folder, "browser"), 0o700);
    vi.stubEnv("BROWSER", join(folder, "browser"));
    const hostile = `https://app.hubspot.com/$(touch ${folder}/a)/\`touch ${folder}/b\`;touch ${folder}/c&x="|touch ${folder}/d"`;
    expect(await openBrowser(hostile)).toBe(true);
    expect(await readFile(join(folder, "opened"), "utf8")).toBe(`1\n${new URL(hostile).href}\n`);
    expect((await readdir(folder)).toSorted()).toEqual(["browser", "node_modules", "opened"]);
  });

  it("says that there is no browser", async () => {
    vi.stubEnv("BROWSER", "/nowhere/browser");
    expect(await openBrowser("https://app.hubspot.com/")).toBe(false);
  });
});
