/** The examples, each started by the command of its README and walked over HTTP, from signing in to disconnecting. */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { startHubSpotEmulator } from "../../src/testing/index.js";
import { startExample } from "./example-process.js";
import { grant, locationOf, targetOf, textOf, visitor } from "./visitor.js";

const scripts = ["example:express", "example:fastify", "example:hono"];

describe.each(scripts)("npm run %s", (script) => {
  it("connects, shows contacts, reconnects with more scopes, disconnects, and ends on Ctrl-C", async () => {
    const example = await startExample(script);
    const visit = visitor(example.origin);
    expect(locationOf(await visit("GET", "/contacts"))).toBe("/");
    const signingIn = await visit("POST", "/sign-in", { user: "ada" });
    expect([signingIn.status, locationOf(signingIn)]).toEqual([303, "/"]);
    expect(signingIn.headers.getSetCookie().join()).toMatch(/HttpOnly.*SameSite=Lax/i);

    const home = await (await visit("GET", "/")).text();
    expect(home).toContain("Hello, Ada Okafor");
    const back = await grant(visit, await visit("GET", targetOf(home, "Connect HubSpot")));
    expect([back.status, locationOf(back)]).toEqual([303, "/"]);
    expect(await textOf(await visit("GET", "/"))).toContain("HubSpot account 24681012 is connected");
    expect(example.output()).toContain("ada has connected HubSpot account 24681012.");

    expect(await textOf(await visit("GET", "/contacts"))).toMatch(/Contacts .*Grace O'Brien/);
    const refused = await visit("GET", "/deals");
    expect(refused.status).toBe(403);
    const again = await grant(visit, await visit("GET", targetOf(await refused.text(), "Allow deals")));
    expect(locationOf(again)).toBe("/deals");
    expect((await visit("GET", "/deals")).status).toBe(200);
    const connected = await (await visit("GET", "/")).text();
    expect(connected).toContain("<code>crm.objects.deals.read</code>");

    const disconnecting = await visit("POST", targetOf(connected, "Disconnect"));
    expect([disconnecting.status, locationOf(disconnecting)]).toEqual([303, "/"]);
    expect((await visit("GET", "/contacts")).status).toBe(409);
    expect(await textOf(await visit("GET", "/"))).toContain("not connected");
    await visit("POST", "/sign-out");
    expect(await textOf(await visit("GET", "/"))).toContain("Who are you?");
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  it("keeps users apart, takes no post from another site, and uses the HubSpot that the environment names", async () => {
    await using emulator = await startHubSpotEmulator();
    const { clientId, clientSecret } = emulator.app;
    const example = await startExample(script, {
      ...{ HUBSPOT_CLIENT_ID: clientId, HUBSPOT_CLIENT_SECRET: clientSecret, HUBSPOT_API_ORIGIN: emulator.origin },
      ...{ HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, PORT: String(await freePort()) },
    });
    emulator.addRedirectUri(`${example.origin}/hubspot/callback`);
    const [ada, bjorn, nobody] = [visitor(example.origin), visitor(example.origin), visitor(example.origin)];
    await ada("POST", "/sign-in", { user: "ada" });
    await bjorn("POST", "/sign-in", { user: "bjorn" });
    await nobody("POST", "/sign-in", { user: "<mallory>" });
    expect(locationOf(await nobody("GET", "/hubspot/connect"))).toBe("/");
    await grant(ada, await ada("GET", "/hubspot/connect"));
    expect(emulator.grants).toHaveLength(1);
    expect((await ada("GET", "/contacts")).status).toBe(200);
    expect((await bjorn("GET", "/contacts")).status).toBe(409);
    expect((await bjorn("POST", "/hubspot/disconnect?account=ada")).status).toBe(403);
    // Björn's browser with a callback of Ada's flow.
    const granted = await ada("POST", locationOf(await ada("GET", "/hubspot/connect")), { hub_id: "24681012", decision: "grant" });
    expect((await bjorn("GET", locationOf(granted))).status).toBe(400);
    expect((await bjorn("GET", "/contacts")).status).toBe(409);

    for (const path of ["/sign-in", "/sign-out", "/hubspot/disconnect?account=ada"]) {
      const headers = {
        "sec-fetch-site": "cross-site",
        "content-type": "application/x-www-form-urlencoded",
        origin: "https://other.example",
      };
      expect((await fetch(`${example.origin}${path}`, { method: "POST", headers, body: "user=ada" })).status, path).toBe(403);
    }
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });
});

/** With a HubSpot of its own, an example takes the port that it was told: its redirect URI is at HubSpot. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
