/** The commands about accounts that are connected, each as a process on a real file store and the emulator. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AccountSummary } from "../../src/index.js";
import { createCliWorld } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";

const cli = installCli();

const HARBOUR = 24681012;
const NORDLICHT = 135791113;

describe("accounts", () => {
  it("lists what is connected, as a table and as JSON", async () => {
    const world = await createCliWorld(cli);
    expect(await world.run(["accounts"])).toEqual({ status: 0, stdout: "", stderr: "No accounts.\n" });
    await world.connect(HARBOUR);
    await world.connect(NORDLICHT);
    world.emulator.revokeGrant(NORDLICHT);
    await expect(world.oauth.getAccessToken(String(NORDLICHT), { force: true })).rejects.toMatchObject({
      code: "reauthorization_required",
    });

    const { stdout } = await world.run(["accounts"]);
    expect(stdout).toMatch(
      /^ACCOUNT +STATUS +CONNECTED +REFRESHED +TOKEN ENDS +SCOPES +NOTE\n135791113 +dead .* BAD_REFRESH_TOKEN\n24681012 +active .* in 29 min +2 +\n$/,
    );
    const json = JSON.parse((await world.run(["accounts", "--json"])).stdout) as AccountSummary[];
    expect(json).toMatchObject([
      { accountId: "135791113", status: "dead", reason: "BAD_REFRESH_TOKEN" },
      { accountId: "24681012", status: "active", scopes: ["oauth", "crm.objects.contacts.read"], expiresAtMs: expect.any(Number) },
    ]);
    expect(JSON.parse((await world.run(["accounts", "--json", "--status", "dead"])).stdout)).toHaveLength(1);
    expect(JSON.parse((await world.run(["--json", "accounts", "--status", "active"])).stdout)).toHaveLength(1);
  });

  it("--audit asks HubSpot, names dead grants and scopes that drifted, and ends with status 1 when there are any", async () => {
    const world = await createCliWorld(cli);
    await world.connect(HARBOUR);
    const healthy = await world.run(["accounts", "--audit"]);
    expect(healthy).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("as it should be"),
      stderr: "1 accounts, 0 with findings.\n",
    });

    await world.connect(NORDLICHT);
    const record = await world.tokenStore.get(String(NORDLICHT));
    if (record === undefined) throw new Error("not connected");
    await world.tokenStore.set(String(NORDLICHT), { ...record, version: "edited", scopes: ["oauth", "tickets"] });
    world.emulator.revokeGrant(HARBOUR);
    world.emulator.expireTokens(HARBOUR);
    const drifted = await world.run(["accounts", "--audit", "--json"], { env: { HUBSPOT_SCOPES: "crm.objects.contacts.read e-commerce" } });
    expect(drifted).toMatchObject({ status: 1, stderr: "2 accounts, 2 with findings.\n" });
    expect(JSON.parse(drifted.stdout)).toMatchObject([
      {
        accountId: "135791113",
        findings: [
          "no longer granted: tickets",
          "granted but not on record: crm.objects.contacts.read",
          "configured but not granted, reconnect for: e-commerce",
        ],
      },
      { accountId: "24681012", findings: ["HubSpot does not know its access token"] },
    ]);
  });
});

describe("token", () => {
  it("prints a fresh token to a pipe, alone or as a header, and refreshes one that is over", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const token = await world.oauth.getAccessToken(id);
    expect(await world.run(["token", id], { reveals: true })).toEqual({ status: 0, stdout: `${token}\n`, stderr: "" });
    const header = await world.run(["token", id, "--header"], { reveals: true });
    expect(header.stdout).toBe(`Authorization: Bearer ${token}\n`);
    expect(JSON.parse((await world.run(["token", id, "--json"], { reveals: true })).stdout)).toEqual({ accountId: id, accessToken: token });
  });

  it("ends with the status for reconnecting when the account is not there or is dead", async () => {
    const world = await createCliWorld(cli);
    expect(await world.run(["token", "1"])).toMatchObject({
      status: 4,
      stdout: "",
      stderr: expect.stringContaining(`"1" is not connected`),
    });
    const id = await world.connect(HARBOUR);
    world.emulator.revokeGrant(HARBOUR);
    expect((await world.run(["refresh", id])).status).toBe(4);
    const dead = await world.run(["token", id, "--json"]);
    expect(dead).toMatchObject({ status: 4, stdout: "" });
    expect(JSON.parse(dead.stderr)).toMatchObject({ error: { code: "reauthorization_required" } });
  });
});

describe("inspect", () => {
  it("shows what is stored beside what HubSpot says, and never the token", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const { stdout } = await world.run(["inspect", id]);
    expect(stdout).toMatch(/^account +24681012\nstatus +active\n/);
    expect(stdout).toMatch(/^HubSpot account +24681012 \(harbour-bakery\.example\)$/m);
    expect(stdout).toMatch(/^scopes granted +oauth crm\.objects\.contacts\.read$/m);
    const json = JSON.parse((await world.run(["inspect", id, "--json"])).stdout) as object;
    expect(json).toMatchObject({ stored: { accountId: id }, hubspot: { active: true, hubId: "24681012" } });
  });

  it("says when HubSpot does not know the token", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    world.emulator.expireTokens();
    expect((await world.run(["inspect", id])).stdout).toMatch(/^known to HubSpot +no: its access token is not active$/m);
  });
});

describe("refresh", () => {
  it("gets new tokens now and stores them; a dead grant that HubSpot honours again becomes active", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const before = await world.tokenStore.get(id);
    expect(await world.run(["refresh", id])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Refreshed account 24681012: its access token ends in 29 min\.\n$/),
    });
    const after = await world.tokenStore.get(id);
    expect(after?.accessToken).not.toBe(before?.accessToken);
    await world.tokenStore.set(id, {
      ...(after ?? world.emulator.app),
      version: "edited",
      status: "dead",
      reason: "BAD_REFRESH_TOKEN",
    } as never);
    expect(JSON.parse((await world.run(["refresh", id, "--json"])).stdout)).toMatchObject({ accountId: id, status: "active" });
  });

  it("a wrong secret is a matter of configuration, a HubSpot that is down one of time, and neither harms the account", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const wrong = await world.run(["refresh", id], { env: { HUBSPOT_CLIENT_SECRET: "wrong-c4n4ry" } });
    expect(wrong).toMatchObject({ status: 3, stdout: "" });
    expect(wrong.stderr).not.toContain("wrong-c4n4ry");
    await world.emulator.close();
    expect(await world.run(["refresh", id])).toMatchObject({ status: 5, stdout: "" });
    expect((await world.tokenStore.get(id))?.status).toBe("active");
  });
});

describe("disconnect", () => {
  it("asks first, and where there is nobody to ask it does nothing without --yes", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const asked = await world.run(["disconnect", id], { input: "y\n" });
    expect(asked).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("add --yes") });
    expect(await world.tokenStore.get(id)).toBeDefined();
    expect(await world.run(["disconnect", id, "--yes"])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("the grant is revoked"),
    });
    expect(await world.tokenStore.get(id)).toBeUndefined();
    expect(world.emulator.count("revoke")).toBe(1);
    expect((await world.run(["disconnect", id, "--yes"])).status).toBe(4);
  });

  it("--no-revoke leaves the grant alone, --uninstall removes the app", async () => {
    const world = await createCliWorld(cli);
    const first = await world.connect(HARBOUR);
    const second = await world.connect(NORDLICHT);
    const left = JSON.parse((await world.run(["disconnect", first, "--yes", "--no-revoke", "--json"])).stdout) as object;
    expect(left).toEqual({ accountId: first, revoked: false, uninstalled: false, errors: [] });
    expect(world.emulator.count("revoke")).toBe(0);
    expect((await world.run(["disconnect", second, "--yes", "--uninstall"])).stdout).toContain("the app is uninstalled");
    expect(world.emulator.count("uninstall")).toBe(1);
  });

  it("deletes the tokens even when HubSpot is down, and says by its status what HubSpot did not do", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    await world.emulator.close();
    const { status, stdout } = await world.run(["disconnect", id, "--yes"]);
    expect({ status, stdout }).toEqual({
      status: 5,
      stdout: "Disconnected account 24681012: its tokens are deleted, the grant is not revoked.\n",
    });
    expect(await world.tokenStore.get(id)).toBeUndefined();
  });
});

describe("call", () => {
  it("prints the body as HubSpot sent it, with query parameters and headers as given", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const args = [
      "call",
      id,
      "get",
      "/crm/v3/objects/contacts",
      "--query",
      "limit=2",
      "--query",
      "properties=email",
      "--query",
      "properties=phone",
    ];
    args.push("--query", "constructor=1", "--query", "__proto__=2");
    const { status, stdout, stderr } = await world.run([...args, "--header", "X-Trace: a:b", "--include"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ results: [{ id: "101" }, { id: "102" }] });
    expect(stderr).toMatch(/^HTTP 200\n[^]*x-hubspot-ratelimit-remaining|^HTTP 200\n/);
    const request = world.emulator.requests.at(-1);
    expect(request?.url).toBe("/crm/v3/objects/contacts?limit=2&properties=email&properties=phone&constructor=1&__proto__=2");
    expect(request?.headers["x-trace"]).toBe("a:b");
  });

  it("a header of the answer moves no cursor", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    const headers = { "x-hubspot-correlation-id": "a\u009b2Jb" };
    const answered = world.emulator.respondOnce({ route: "objects-list" }, { headers, status: 200, body: {} });
    const { stderr } = await world.run(["call", id, "GET", "/crm/v3/objects/contacts", "--include"]);
    await answered.arrived;
    expect(stderr).toContain("x-hubspot-correlation-id: a�2Jb\n");
  });

  it("sends a body from an argument, a file or standard input", async () => {
    const world = await createCliWorld(cli, {
      emulator: { app: { requiredScopes: ["crm.objects.contacts.read", "crm.objects.contacts.write"] } },
      files: { "body.json": `{"properties":{"email":"file@x.example"}}` },
    });
    const id = await world.connect(HARBOUR);
    const post = ["call", id, "POST", "/crm/v3/objects/contacts", "--data"];
    expect((await world.run([...post, `{"properties":{"email":"argument@x.example"}}`])).status).toBe(0);
    expect((await world.run([...post, "@body.json"])).status).toBe(0);
    expect((await world.run([...post, "-"], { input: `{"properties":{"email":"input@x.example"}}` })).status).toBe(0);
    const sent = world.emulator.requests.filter(({ route }) => route === "objects-create").map(({ json }) => json);
    expect(sent).toMatchObject(["argument", "file", "input"].map((name) => ({ properties: { email: `${name}@x.example` } })));
    expect(await world.run([...post, "@gone.json"])).toMatchObject({ status: 2, stderr: expect.stringContaining("ENOENT at gone.json") });
  });

  it("a refusal ends with the status of its class", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    expect((await world.run(["call", id, "POST", "/crm/v3/objects/contacts", "--data", "{}"])).status).toBe(4);
    expect((await world.run(["call", id, "GET", "/crm/v3/objects/contacts/999999999"])).status).toBe(1);
    expect((await world.run(["call", id, "FETCH", "/crm/v3/objects/contacts"])).status).toBe(2);
    expect((await world.run(["call", id, "GET", "https://elsewhere.example/crm"])).status).toBe(2);
    expect((await world.run(["call", id, "GET", "/x", "--query", "novalue"])).status).toBe(2);
    await world.emulator.close();
    expect((await world.run(["call", id, "GET", "/crm/v3/objects/contacts"])).status).toBe(5);
  });
});

describe("the file store", () => {
  it("what the commands write can be read by its user only", async () => {
    const world = await createCliWorld(cli);
    const id = await world.connect(HARBOUR);
    expect((await world.run(["refresh", id])).status).toBe(0);
    const directory = join(world.folder, ".hubspot-oauth");
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  });
});
