/** `hubspot-oauth emulator` as a process: what it prints works for an application, and Ctrl-C ends it. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "../../src/index.js";
import { installCli } from "./support/installed-cli.js";

const cli = installCli();

const NAMES = [
  ...["HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REDIRECT_URI", "HUBSPOT_SCOPES"],
  ...["HUBSPOT_AUTHORIZE_ORIGIN", "HUBSPOT_API_ORIGIN"],
];

/** Does what a person does on the consent page, and answers where it sends them. */
async function grant(url: string, hubId: number): Promise<string> {
  const form = new URLSearchParams({ hub_id: String(hubId), decision: "grant" });
  const answer = await fetch(url, { method: "POST", body: form, redirect: "manual" });
  return answer.headers.get("location") ?? `no callback: ${answer.status}`;
}

describe("the emulator", () => {
  it("prints the environment of an application as data: fromEnv() takes it, and the application works", async () => {
    const run = cli.start(["emulator", "--port", "0", "--log"]);
    await run.wrote(/HUBSPOT_API_ORIGIN=.*\n/);
    const env = parseEnv(run.stdout);
    expect(Object.keys(env).toSorted()).toEqual(NAMES.toSorted());
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const oauth = HubSpotOAuthClient.fromEnv({ tokenStore: new MemoryTokenStore() });
    onTestFinished(() => oauth.close());

    const { url } = await oauth.createAuthorization({ binding: "browser" });
    const { accountId } = await oauth.completeAuthorization({ url: await grant(url, 24681012), binding: "browser" });
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    expect(await hubspot.get("/crm/v3/objects/contacts")).toMatchObject({ results: expect.any(Array) });

    // The log: one line for each request, without queries and tokens.
    await run.wrote(/200 GET \/crm\/v3\/objects\/contacts \(account 24681012\)\n/);
    expect(run.stderr).toMatch(
      /^\d\d:\d\d:\d\d 302 POST \/oauth\/authorize.*\n\d\d:\d\d:\d\d 200 POST \/oauth\/v1\/token authorization_code/m,
    );
    expect(run.stderr).not.toContain(await oauth.getAccessToken(accountId));
    expect(run.stderr).not.toContain("code=");
  });

  it("is the same at each start, and another one with a seed", async () => {
    const first = cli.start(["emulator", "--port", "0"]);
    const second = cli.start(["emulator", "--port", "0"]);
    const identity = async (run: typeof first) => {
      await run.wrote(/HUBSPOT_API_ORIGIN=.*\n/);
      return run.stdout.replaceAll(/_ORIGIN=.*/g, "");
    };
    expect(await identity(first)).toBe(await identity(second));

    const seed = {
      app: { clientId: "it's mine", requiredScopes: ["tickets", "crm.objects.contacts.read"] },
      accounts: [{ hubId: 77, name: "Kiosk" }],
    };
    const folder = await cli.project({ "seed.json": JSON.stringify(seed) });
    const seeded = cli.start(["emulator", "--port", "0", "--seed", "seed.json", "--env", "shell"], { cwd: folder });
    await seeded.wrote(/HUBSPOT_API_ORIGIN=.*\n/);
    expect(seeded.stdout).toContain(`export HUBSPOT_CLIENT_ID='it'\\''s mine'\n`);
    expect(seeded.stdout).toContain(`export HUBSPOT_SCOPES='tickets crm.objects.contacts.read'\n`);
    expect(seeded.stderr).toContain("account 77  Kiosk  (na1)");
  });

  it("prints JSON with --json", async () => {
    const run = cli.start(["emulator", "--port", "0", "--json"]);
    await run.wrote(/\}\n/);
    expect(Object.keys(JSON.parse(run.stdout) as object)).toEqual(NAMES);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("ends with status 0 and closes its port at %s, also with a connection open", async (signal) => {
    const run = cli.start(["emulator", "--port", "0"]);
    const [, origin = ""] = await run.wrote(/HUBSPOT_API_ORIGIN=(.*)\n/);
    // Kept alive by fetch.
    await (await fetch(origin)).arrayBuffer();
    run.child.kill(signal);
    expect(await run.ended()).toMatchObject({ status: 0 });
    await expect(fetch(origin)).rejects.toThrow("fetch failed");
  });

  it("names a port that is taken, and what it cannot read, and ends with the status for wrong arguments", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const folder = await cli.project({
      "broken.json": `{ "secret": "c4n4ry"`,
      "list.json": "[]",
      "wrong.json": `{ "app": {}, "apps": [] }`,
    });
    const cases: [string[], string][] = [
      [["--port", String(port)], `Port ${port} is taken`],
      [["--port", "70000"], "It must be a number from 0 to 65535."],
      [["--env", "xml"], "Allowed choices are dotenv, shell."],
      [["--seed", join(folder, "gone.json")], "The seed file cannot be read: ENOENT"],
      [["--seed", join(folder, "broken.json")], "is not a JSON object of emulator options"],
      [["--seed", join(folder, "list.json")], "is not a JSON object of emulator options"],
      [["--port", "0", "--seed", join(folder, "wrong.json")], "wrong.json: Give app or apps, not both"],
    ];
    const ends = await Promise.all(cases.map(([args]) => cli.run(["emulator", ...args])));
    for (const [index, { status, stdout, stderr }] of ends.entries()) {
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain(cases[index]?.[1]);
      expect(stderr).not.toContain("c4n4ry");
    }
  });
});

describe("the program", () => {
  it("says its version, and its commands when it is asked for help, on standard output", async () => {
    expect(await cli.run(["--version"])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
    expect(await cli.run(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("emulator"), stderr: "" });
  });

  it.each([[[]], [["bogus"]], [["emulator", "--bogus"]]])("ends with status 2 when it is called with %j", async (args) => {
    expect(await cli.run(args)).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/emulator|unknown/) });
  });
});
