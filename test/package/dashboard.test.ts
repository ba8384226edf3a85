/** `npm run demo`: the dashboard walked over HTTP with files and with PostgreSQL, with a dead grant, a HubSpot that is down, and two tenants. */
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { type LoopbackHubSpotEmulator, startHubSpotEmulator } from "../../src/testing/index.js";
import { hasPostgres, startPostgres } from "../support/servers/postgres.js";
import { type Example, freePort, startExample } from "./example-process.js";
import { grant, locationOf, targetOf, textOf, type Visit, visitor } from "./visitor.js";

const HARBOUR = "/accounts/24681012";

async function signIn(origin: string, person: string): Promise<Visit> {
  const visit = visitor(origin);
  const answer = await visit("POST", "/sign-in", { person });
  expect(answer.headers.get("set-cookie")).toMatch(/^session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/);
  return visit;
}

async function connect(visit: Visit, hubId?: string): Promise<string> {
  return locationOf(await grant(visit, await visit("GET", "/hubspot/connect"), hubId));
}

/** The dashboard on an emulator of the test's own, which it can bend. */
async function onOwnEmulator(env: Readonly<Record<string, string>> = {}): Promise<[Example, LoopbackHubSpotEmulator, string]> {
  const contacts = [{ firstname: "<script>alert(1)</script>", lastname: '"&', email: "ada@customers.example" }];
  const emulator = await startHubSpotEmulator({ accounts: [{ hubId: 24681012, hubDomain: "<b>.example", contacts }] });
  const directory = await mkdtemp(join(tmpdir(), "hubspot-oauth-dashboard-"));
  onTestFinished(async () => {
    await emulator.close();
    await rm(directory, { recursive: true });
  });
  const { clientId: HUBSPOT_CLIENT_ID, clientSecret: HUBSPOT_CLIENT_SECRET } = emulator.app;
  const origins = { HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, HUBSPOT_API_ORIGIN: emulator.origin };
  const app = { HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET, ...origins, PORT: String(await freePort()), DATA_DIRECTORY: directory };
  const example = await startExample("demo", { ...app, ...env });
  emulator.addRedirectUri(`${example.origin}/hubspot/callback`);
  return [example, emulator, directory];
}

describe("npm run demo", () => {
  it("starts emulator and dashboard, connects, pages through contacts, asks for more scopes, disconnects, and leaves nothing", async () => {
    const example = await startExample("demo");
    const hubspot = /HubSpot is the emulator at (http:\/\/127\.0\.0\.1:\d+)\//.exec(example.output())?.[1];
    expect(await textOf(await fetch(`${hubspot}/`))).toContain("Emulator console");
    const folder = /kept in files in (\S+)\.\n/.exec(example.output())?.[1] ?? "";
    expect((await readdir(folder)).toSorted()).toEqual(["token.key"]);
    const visit = await signIn(example.origin, "ada");
    expect(await textOf(await visit("GET", "/"))).toContain("No account yet");
    expect(await connect(visit)).toBe(`${HARBOUR}?done=connected`);
    const account = await visit("GET", `${HARBOUR}?done=connected`);
    expect(account.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'self';/);
    const overview = await textOf(account);
    expect(overview).toMatch(/Connected\. .*harbour-bakery\.example Working .*Ada Okafor, just now .*(?:29|30) minutes left/);

    const first = await (await visit("GET", `${HARBOUR}/contacts`)).text();
    expect(first).toContain("contact-1@");
    const second = await textOf(await visit("GET", targetOf(first, "Next page")));
    expect(second).toContain("contact-11@");
    expect(second).not.toContain("contact-1@");

    const deals = await visit("GET", `${HARBOUR}/deals`);
    expect(deals.status).toBe(403);
    const problem = await deals.text();
    expect(problem).toContain("This account has not allowed the app to read deals.");
    expect(locationOf(await grant(visit, await visit("GET", targetOf(problem, "Allow deals"))))).toBe(`${HARBOUR}?done=reconnected`);
    expect((await visit("GET", `${HARBOUR}/deals`)).status).toBe(200);
    const list = await textOf(await visit("GET", "/"));
    expect(list).toMatch(/1 connected, all working\..*Permissions 2 of 3.*Connected again.*Connected/);

    // The dashboard lives in the emulator's time.
    await fetch(`${hubspot}/console/actions/advance`, { method: "POST", body: new URLSearchParams({ ms: String(31 * 60_000) }) });
    expect(await textOf(await visit("GET", HARBOUR))).toMatch(/Access token Renewed at the next call Last refreshed 31 minutes ago/);
    expect((await visit("GET", `${HARBOUR}/contacts`)).status).toBe(200);
    expect(await textOf(await visit("GET", HARBOUR))).toMatch(/(?:29|30) minutes left .*Got a new access token, good for 30 minutes/);

    const confirmation = await (await visit("GET", `${HARBOUR}/disconnect`)).text();
    expect(confirmation).toContain("Disconnect harbour-bakery.example?");
    expect(locationOf(await visit("POST", targetOf(confirmation, "Disconnect")))).toBe("/?done=disconnected");
    expect(await textOf(await visit("GET", "/?done=disconnected"))).toMatch(/Disconnected\. .*No account yet/);
    expect((await visit("GET", HARBOUR)).status).toBe(404);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
    await expect(stat(dirname(folder))).rejects.toThrow("ENOENT");
  });

  it("shows a tenant what its own people connected, and nothing of another tenant, on the same HubSpot account too", async () => {
    const [example, emulator] = await onOwnEmulator();
    const [ada, bjorn, chloe] = await Promise.all(["ada", "bjorn", "chloe"].map((person) => signIn(example.origin, person)));
    if (ada === undefined || bjorn === undefined || chloe === undefined) throw new Error("not signed in");
    await connect(ada);
    expect(await textOf(await bjorn("GET", HARBOUR))).toMatch(/<b>\.example Working .*Ada Okafor/);
    const contacts = await (await bjorn("GET", `${HARBOUR}/contacts`)).text();
    expect(contacts).toContain("<td>&#60;script&#62;alert(1)&#60;/script&#62; &#34;&#38;</td>");
    expect(contacts).not.toContain("<b>");
    for (const path of ["", "/contacts", "/disconnect"]) expect((await chloe("GET", HARBOUR + path)).status).toBe(404);
    expect((await chloe("POST", `${HARBOUR}/check`)).status).toBe(404);
    expect((await chloe("POST", "/hubspot/disconnect?account=birch%3A24681012")).status).toBe(403);
    expect((await chloe("GET", "/hubspot/connect?account=birch%3A24681012")).status).toBe(403);
    await connect(chloe);
    expect(await textOf(await bjorn("GET", HARBOUR))).toContain("Ada Okafor");
    // One refresh token serves both, as at HubSpot: the first to go must not end the other.
    expect(locationOf(await chloe("POST", "/hubspot/disconnect?account=cobalt%3A24681012"))).toBe("/?done=shared");
    expect(emulator.count({ route: "revoke" })).toBe(0);
    expect(locationOf(await ada("POST", `${HARBOUR}/check`))).toBe(`${HARBOUR}?done=checked`);
    expect(locationOf(await ada("POST", "/hubspot/disconnect?account=birch%3A24681012"))).toBe("/?done=disconnected");
    expect(emulator.count({ route: "revoke" })).toBe(1);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  it("says in plain words that a grant is dead, that HubSpot is down, that a callback is not ours, and offers what helps", async () => {
    const [example, emulator] = await onOwnEmulator();
    const visit = await signIn(example.origin, "ada");
    await connect(visit);

    emulator.expireTokens();
    emulator.revokeGrant(24681012);
    const dead = await visit("GET", `${HARBOUR}/contacts`);
    expect(dead.status).toBe(409);
    expect(await textOf(dead)).toContain("The connection has ended HubSpot does not accept this connection any more.");
    expect(await textOf(await visit("GET", "/"))).toMatch(
      /1 connected, 1 to look at\. .*Ended HubSpot has ended the connection\..*Access token Ended/,
    );
    const overview = await (await visit("GET", HARBOUR)).text();
    const again = await grant(visit, await visit("GET", targetOf(overview, "Connect again")));
    expect(locationOf(again)).toBe(`${HARBOUR}?done=reconnected`);
    expect(await textOf(await visit("GET", HARBOUR))).toMatch(/Working .*Connected again .*HubSpot has ended the connection/);

    const denied = await visit("POST", locationOf(await visit("GET", "/hubspot/connect")), { hub_id: "24681012", decision: "deny" });
    const refusal = await visit("GET", locationOf(denied));
    expect([refusal.status, await textOf(refusal)]).toEqual([403, expect.stringContaining("HubSpot says that access was not granted.")]);
    const foreign = await visit("GET", "/hubspot/callback?code=<script>&state=%22");
    const page = await foreign.text();
    expect([foreign.status, page]).toEqual([400, expect.stringContaining("The link back from HubSpot is damaged.")]);
    expect(page).not.toContain("<script>");

    await emulator.close();
    const down = await visit("GET", `${HARBOUR}/contacts`);
    expect([down.status, await textOf(down)]).toEqual([503, expect.stringContaining("HubSpot cannot be reached")]);
    expect(locationOf(await visit("POST", `${HARBOUR}/check`))).toBe(HARBOUR);
    expect(await textOf(await visit("GET", HARBOUR))).toMatch(/Waiting for HubSpot .*The present access token is good for \d+ minutes\./);
    expect(locationOf(await visit("POST", "/hubspot/disconnect?account=birch%3A24681012"))).toBe("/?done=half");
    expect(await textOf(await visit("GET", "/?done=half"))).toMatch(/HubSpot could not be told.*No account yet/);
    expect(example.output()).not.toContain(emulator.app.clientSecret);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  it("keeps tokens sealed in files that only their owner can read, and finds them again after a restart", async () => {
    const [example, emulator, directory] = await onOwnEmulator();
    await connect(await signIn(example.origin, "ada"));
    await example.interrupt();
    const folder = join(directory, "dashboard");
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(["token.key", "connections.json"]));
    for (const { parentPath, name } of files) {
      const path = join(parentPath, name);
      expect((await stat(path)).mode & 0o077, name).toBe(0);
      for (const { refreshToken } of emulator.grants) expect(await readFile(path, "utf8"), name).not.toContain(refreshToken);
    }
    const { clientId: HUBSPOT_CLIENT_ID, clientSecret: HUBSPOT_CLIENT_SECRET } = emulator.app;
    const origins = { HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, HUBSPOT_API_ORIGIN: emulator.origin, PORT: new URL(example.origin).port };
    const next = await startExample("demo", { HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET, ...origins, DATA_DIRECTORY: directory });
    const visit = await signIn(next.origin, "bjorn");
    expect((await visit("GET", `${HARBOUR}/contacts`)).status).toBe(200);
    expect(await next.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  it.skipIf(!hasPostgres())("keeps them sealed in PostgreSQL, and empties its namespace at the end", async () => {
    const postgres = await startPostgres();
    const pool = new pg.Pool({ connectionString: postgres.url });
    onTestFinished(async () => {
      await pool.end();
      await postgres.stop();
    });
    const example = await startExample("demo", { DATABASE_URL: postgres.url, TOKEN_KEY: Buffer.alloc(32, 7).toString("base64") });
    const visit = await signIn(example.origin, "chloe");
    await connect(visit);
    await connect(visit, "135791113");
    expect(await textOf(await visit("GET", "/"))).toContain("2 connected, all working.");
    expect((await visit("GET", `${HARBOUR}/contacts`)).status).toBe(200);
    const { rows } = await pool.query<{ record: string }>("select record from hubspot_oauth_tokens");
    expect(rows).toHaveLength(2);
    for (const { record } of rows) expect(Object.keys(JSON.parse(record) as object).toSorted()).toEqual(["accountId", "sealed", "version"]);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
    for (const table of ["hubspot_oauth_tokens", "dashboard_connections"])
      expect((await pool.query(`select 1 from ${table}`)).rowCount, table).toBe(0);
  });
});
