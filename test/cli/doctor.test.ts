/** `hubspot-oauth doctor` as a process: a healthy set-up in one screen, each thing that can be wrong by its name, and each v1 call by its line. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCliWorld } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";

const cli = installCli();
const HARBOUR = 24681012;

interface Report {
  readonly checks: readonly { readonly name: string; readonly status: string; readonly message: string }[];
  readonly findings: readonly object[];
}

const statuses = (stdout: string): Record<string, string> =>
  Object.fromEntries((JSON.parse(stdout) as Report).checks.map(({ name, status }) => [name, status]));

const HEALTHY = {
  ...{ Node: "ok", settings: "ok", "redirect URI": "ok", "token store": "ok", accounts: "ok" },
  ...{ HubSpot: "ok", clock: "ok", "id and secret": "ok", sources: "ok" },
};

describe("doctor", () => {
  it("says on one screen that all is well", async () => {
    const world = await createCliWorld(cli, { files: { "src/app.js": "export const a = 1;\n" } });
    await world.connect(HARBOUR);
    const { status, stdout, stderr } = await world.run(["doctor", "--probe"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "All is well.\n" });
    expect(stdout.split("\n").length).toBeLessThan(24);
    expect(stdout).toMatch(/^ok {7}token store {4}reads, writes, compares and deletes \(not encrypted\)$/m);
    expect(stdout).toMatch(/^ok {7}accounts {7}1 connected, all with the configured scopes$/m);
    expect(stdout).toMatch(/^ok {7}sources {8}nothing that HubSpot ends, in \d+ files$/m);
    expect(statuses((await world.run(["doctor", "--json"])).stdout)).toEqual(HEALTHY);
    // The probe is gone.
    expect(JSON.parse((await world.run(["accounts", "--json"])).stdout)).toHaveLength(1);
  });

  it("finds v1 calls and API keys in any language, with file and line and what to write instead, and quotes no key", async () => {
    const world = await createCliWorld(cli, {
      files: {
        "src/token.js": "// old\nawait fetch(`${base}/oauth/v1/token`);\n",
        "lib/inspect.py": `url = "https://api.hubapi.com/oauth/v1/access-tokens/" + token\n`,
        "lib/leave.rb": `delete "oauth/v1/refresh-tokens/#{token}"\n`,
        "config/.env": "URL=https://api.hubapi.com/contacts/v1/lists?hapikey=c4n4ry-of-a-key\n",
        "fine.ts": `post("/oauth/2026-09/token"); const myhapikeys = 1;\n`,
        "node_modules/other/index.js": `"/oauth/v1/token"`,
        ".git/objects/pack": `"/oauth/v1/token"`,
        "vendor/old.js": `"/oauth/v1/token"`,
        "image.png": `\u0000/oauth/v1/token`,
        "large.csv": "/oauth/v1/token,".repeat(400_000),
      },
    });
    const { status, stdout, stderr } = await world.run(["doctor", ".", "--offline", "--exclude", "vendor"]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "1 problems, 0 warnings.\n" });
    expect(stdout).toContain("4 places use what HubSpot ends, in 5 files; 1 not read: large.csv");
    expect(stdout.slice(stdout.indexOf("  config/"))).toBe(`  config/.env:1  hapikey
      instead: oauth.account(id) or privateAppToken(token); developerApiKey(key) for the app-level APIs that still take a key
  lib/inspect.py:1  /oauth/v1/access-tokens
      instead: POST /oauth/2026-09/token/introspect with token_type_hint=access_token, or oauth.introspect(token)
  lib/leave.rb:1  /oauth/v1/refresh-tokens
      instead: POST /oauth/2026-09/token/introspect or /oauth/2026-09/token/revoke, or oauth.introspect() and oauth.revoke()
  src/token.js:2  /oauth/v1/
      instead: POST /oauth/2026-09/token, or HubSpotOAuthClient with apiVersion: "2026-09"
`);
    expect(stdout).not.toContain("c4n4ry-of-a-key");
    const json = await world.run(["doctor", join(world.folder, "src"), "--offline", "--json"]);
    expect((JSON.parse(json.stdout) as Report).findings).toMatchObject([{ file: "token.js", line: 2, found: "/oauth/v1/" }]);
  });

  it.each([
    ["https://app.hubspot.com", false],
    ["https://hubspot.com.example", true],
    ["https://nothubspot.com", true],
  ])("users who are sent to %s: told of? %s", async (origin, isTold) => {
    const world = await createCliWorld(cli);
    const { stdout } = await world.run(["doctor", "--offline"], { env: { HUBSPOT_AUTHORIZE_ORIGIN: origin } });
    expect(stdout.includes(`users are sent to ${origin}, which is not HubSpot`)).toBe(isTold);
  });

  it("looks at the sources where nothing is configured", async () => {
    const folder = await cli.project({ "app.js": "fetch('/oauth/v1/token')" });
    const { status, stdout } = await cli.run(["doctor", "--json"], { cwd: folder });
    expect(status).toBe(1);
    expect(statuses(stdout)).toEqual({ Node: "ok", settings: "skipped", sources: "problem" });
    expect(await cli.run(["doctor", "nowhere"], { cwd: folder })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("not a folder"),
    });
  });

  it("names what is missing, and what is wrong", async () => {
    const world = await createCliWorld(cli);
    const checks = async (env: Readonly<Record<string, string>>): Promise<Report["checks"]> =>
      (JSON.parse((await world.run(["doctor", "--json"], { env })).stdout) as Report).checks;
    const named = async (env: Readonly<Record<string, string>>, name: string): Promise<string | undefined> => {
      const { status, message } = (await checks(env)).find((check) => check.name === name) ?? {};
      return `${status}: ${message}`;
    };
    expect(await named({ HUBSPOT_CLIENT_ID: "", HUBSPOT_SCOPES: "" }, "settings")).toMatch(
      /^problem: Not configured: clientId \(HUBSPOT_CLIENT_ID\), scopes \(HUBSPOT_SCOPES\)\./,
    );
    expect(await named({ HUBSPOT_REDIRECT_URI: "http://app.example/cb" }, "settings")).toMatch(/^problem: .*redirectUri must be https/);
    expect(await named({ HUBSPOT_CLIENT_SECRET: "wrong" }, "id and secret")).toMatch(/^problem: .*BAD_CLIENT_SECRET/);
    expect(await named({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }, "Node")).toMatch(/^problem: NODE_TLS_REJECT_UNAUTHORIZED=0/);
    world.emulator.advance(-3 * 3_600_000);
    expect(await named({}, "clock")).toBe("problem: this machine's is 3 h ahead of HubSpot's: set it");
  });

  it("says what could not be told: HubSpot is down, or answers something else", async () => {
    const world = await createCliWorld(cli);
    world.emulator.respondOnce("introspect", { status: 418, body: JSON.stringify({ message: "tea" }) });
    const odd = JSON.parse((await world.run(["doctor", "--json"])).stdout) as Report;
    expect(odd.checks.find(({ name }) => name === "id and secret")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("could not be told from HubSpot's answer"),
    });
    await world.emulator.close();
    const down = await world.run(["doctor", "--json"]);
    expect(down.status).toBe(1);
    expect(statuses(down.stdout)).toMatchObject({ HubSpot: "problem", clock: "skipped", "id and secret": "skipped" });
  });

  it("names dead accounts and those without all configured scopes, and a store that cannot be read", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const message = async (env: Readonly<Record<string, string>>, name: string): Promise<string | undefined> =>
      (JSON.parse((await world.run(["doctor", "--offline", "--json"], { env })).stdout) as Report).checks.find(
        (check) => check.name === name,
      )?.message;
    expect(await message({ HUBSPOT_SCOPES: "crm.objects.contacts.read tickets" }, "accounts")).toBe(
      "1 connected, 1 without all configured scopes (24681012): connect them again",
    );
    world.emulator.revokeGrant(HARBOUR);
    await expect(world.oauth.getAccessToken(id, { force: true })).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(await message({}, "accounts")).toBe("1 connected, 1 dead (24681012): connect them again");
    await chmod(join(world.folder, ".hubspot-oauth"), 0o755);
    expect(await message({}, "token store")).toContain("is open to other users");
  });
});
