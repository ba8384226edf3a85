/** What holds for every command: configuration is named where it is wrong and never quoted, streams that close early, stacks, colours. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCliWorld } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";

const cli = installCli();
const HARBOUR = 24681012;

describe("configuration", () => {
  it.each<[what: string, file: string, text: string, problem: RegExp]>([
    ["a field that is not one", "c.json", `{ "clientID": "c4n4ry" }`, /c\.json is not right: the file: Unrecognized key: "clientID"/],
    ["a value of the wrong kind", "c.json", `{ "scopes": "c4n4ry" }`, /c\.json is not right: scopes: /],
    ["a key in the file", "c.json", `{ "encryptionKeys": [{ "id": "a", "key": "c4n4ry" }] }`, /encryptionKeys\.0/],
    ["what is not JSON", "c.json", `{ "clientSecret": "c4n4ry`, /c\.json is not JSON\./],
    ["a store in JSON", "c.json", `{ "tokenStore": {} }`, /Unrecognized key: "tokenStore"/],
    [
      "a store without methods",
      "c.mjs",
      `export default { tokenStore: { get() {} } }`,
      /tokenStore: must be an object with get\(\), set\(\), delete\(\)/,
    ],
    ["no default export", "c.mjs", `export const store = 1;`, /has no default export/],
    ["a program that fails", "c.mjs", `throw new Error("no database");`, /c\.mjs failed: no database/],
    ["a store of another kind", "c.json", `{ "store": "mysql://u:c4n4ry@host/db" }`, /store must begin with file:.*, not mysql:/],
    ["a file that is not there", "d.json", "", /c\.json cannot be read: ENOENT/],
  ])("%s is named, and nothing is quoted", async (_, name, text, problem) => {
    const folder = await cli.project({ [name]: text });
    const { status, stdout, stderr } = await cli.run(["accounts", "--config", name === "d.json" ? "c.json" : name], { cwd: folder });
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toMatch(problem);
    expect(stderr).not.toContain("c4n4ry");
  });

  it("everything that is missing is named at once", async () => {
    const folder = await cli.project();
    expect((await cli.run(["accounts"], { cwd: folder })).stderr).toContain("No token store is configured. Set HUBSPOT_OAUTH_STORE");
    const { status, stderr } = await cli.run(["accounts"], { cwd: folder, env: { HUBSPOT_OAUTH_STORE: "file:tokens" } });
    expect(status).toBe(3);
    expect(stderr).toContain(
      "clientId (HUBSPOT_CLIENT_ID), clientSecret (HUBSPOT_CLIENT_SECRET), redirectUri (HUBSPOT_REDIRECT_URI), scopes (HUBSPOT_SCOPES)",
    );
  });

  it("the environment wins over the file, and a file of variables over neither", async () => {
    const world = await createCliWorld(cli, {
      files: {
        "hubspot-oauth.config.json": JSON.stringify({ clientId: "of-the-file", store: "file:elsewhere" }),
        "more.env": "HUBSPOT_OAUTH_STORE=mysql://nowhere\nHUBSPOT_OAUTH_KEYS=broken-c4n4ry\n",
      },
    });
    await world.connect(HARBOUR);
    expect((await world.run(["accounts", "--json"])).stdout).toContain(String(HARBOUR));
    const { status, stderr } = await world.run(["accounts", "--env-file", "more.env"]);
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: "error HUBSPOT_OAUTH_KEYS must hold pairs of id=key, the key in base64, separated by spaces.\n",
    });
  });

  it("several files are refused: nobody knows which one counts", async () => {
    const folder = await cli.project({ "hubspot-oauth.config.json": "{}", "hubspot-oauth.config.mjs": "export default {}" });
    expect(await cli.run(["accounts"], { cwd: folder })).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("several configuration files"),
    });
  });
});

describe("the program", () => {
  it("tells a failure in one line, and its stack only when it is asked for", async () => {
    const world = await createCliWorld(cli);
    expect((await world.run(["token", "1"])).stderr.split("\n")).toHaveLength(2);
    expect((await world.run(["token", "1"], { env: { HUBSPOT_OAUTH_DEBUG: "1" } })).stderr).toMatch(/\n {4}at /);
  });

  it("whoever stops reading ends it without a complaint", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const bin = join(world.folder, "node_modules/hubspot-oauth/dist/cli/hubspot-oauth.js");
    const shell = spawn(
      "sh",
      ["-c", `"${bin}" call ${id} GET /crm/v3/objects/contacts --query limit=100 | head -c 1; "${bin}" --help | true`],
      {
        cwd: world.folder,
        env: { PATH: process.env["PATH"], ...world.env },
      },
    );
    let output = "";
    let complaints = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    shell.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
    await once(shell, "close");
    expect({ output, complaints }).toEqual({ output: "{", complaints: "" });
  });

  it("writes no colours where nobody sees them", async () => {
    const world = await createCliWorld(cli);
    const { stdout, stderr } = await world.run(["doctor", "--offline"], { env: { FORCE_COLOR: "" } });
    expect(stdout + stderr).not.toContain("\u001b");
  });
});
