/** The examples of the frameworks, each started by the command of its README and walked over HTTP, from signing in to disconnecting. */
import { describe, expect, it } from "vitest";
import { startHubSpotEmulator } from "../../src/testing/index.js";
import { type Example, freePort, startExample } from "./example-process.js";
import { grant, locationOf, targetOf, textOf, visitor } from "./visitor.js";

const scripts = ["example:express", "example:fastify", "example:hono"];

describe.each(scripts)("npm run %s", (script) => {
  it("connects, shows contacts, reconnects with more scopes, disconnects, keeps users apart, and ends on Ctrl-C", async () => {
    const example = await startExample(script);
    await walk(example);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  it("uses the HubSpot that the environment names, and sends nobody there who is not signed in", async () => {
    const contacts = [{ firstname: "<script>alert(1)</script>", lastname: '"&', email: "ada@customers.example" }];
    await using emulator = await startHubSpotEmulator({ accounts: [{ hubId: 24681012, contacts }] });
    const { clientId, clientSecret } = emulator.app;
    const example = await startExample(script, {
      ...{ HUBSPOT_CLIENT_ID: clientId, HUBSPOT_CLIENT_SECRET: clientSecret, HUBSPOT_API_ORIGIN: emulator.origin },
      ...{ HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, PORT: String(await freePort()) },
    });
    emulator.addRedirectUri(`${example.origin}/hubspot/callback`);
    const visit = visitor(example.origin);
    await visit("POST", "/sign-in", { user: "<mallory>" });
    expect(locationOf(await visit("GET", "/hubspot/connect"))).toBe("/");
    await visit("POST", "/sign-in", { user: "bjorn" });
    await grant(visit, await visit("GET", "/hubspot/connect"));
    expect(emulator.grants).toHaveLength(1);
    expect(await (await visit("GET", "/contacts")).text()).toContain("<td>&#60;script&#62;alert(1)&#60;/script&#62; &#34;&#38;</td>");
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });
});

describe("npm run example:next", () => {
  it("installs, builds without environment, starts, and does what the others do", { timeout: 300_000 }, async () => {
    const example = await startExample("example:next");
    await walk(example);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });
});

/** All frameworks, one app: the same addresses and the same words. */
async function walk(example: Example): Promise<void> {
  const ada = visitor(example.origin);
  expect(locationOf(await ada("GET", "/contacts"))).toBe("/");
  const signingIn = await ada("POST", "/sign-in", { user: "ada" });
  expect([signingIn.status, locationOf(signingIn)]).toEqual([303, "/"]);
  expect(signingIn.headers.getSetCookie().join()).toMatch(/HttpOnly.*SameSite=Lax/i);

  const home = await (await ada("GET", "/")).text();
  expect(home).toContain("Hello, Ada Okafor");
  const back = await grant(ada, await ada("GET", targetOf(home, "Connect HubSpot")));
  expect([back.status, locationOf(back)]).toEqual([303, "/"]);
  expect(await textOf(await ada("GET", "/"))).toContain("HubSpot account 24681012 is connected");
  expect(example.output()).toContain("ada has connected HubSpot account 24681012.");
  expect(await textOf(await ada("GET", "/contacts"))).toMatch(/Contacts .*Grace O'Brien/);

  const refused = await (await ada("GET", "/deals")).text();
  expect(refused).toContain("This needs a permission that you have not given yet.");
  expect(locationOf(await grant(ada, await ada("GET", targetOf(refused, "Allow deals"))))).toBe("/deals");
  expect(await textOf(await ada("GET", "/deals"))).toMatch(/Deals .*Back/);
  const connected = await (await ada("GET", "/")).text();
  expect(connected).toContain("<code>crm.objects.deals.read</code>");

  const bjorn = visitor(example.origin);
  await bjorn("POST", "/sign-in", { user: "bjorn" });
  expect((await bjorn("POST", "/hubspot/disconnect?account=ada")).status).toBe(403);
  // Björn's browser with a callback of Ada's flow.
  const granted = await ada("POST", locationOf(await ada("GET", "/hubspot/connect")), { hub_id: "24681012", decision: "grant" });
  expect((await bjorn("GET", locationOf(granted))).status).toBe(400);
  expect(await textOf(await bjorn("GET", "/contacts"))).toContain("HubSpot is not connected yet.");
  for (const path of ["/sign-in", "/sign-out", "/hubspot/disconnect?account=ada"]) {
    const headers = {
      "sec-fetch-site": "cross-site",
      "content-type": "application/x-www-form-urlencoded",
      origin: "https://other.example",
    };
    expect((await fetch(`${example.origin}${path}`, { method: "POST", headers, body: "user=ada" })).status, path).toBe(403);
  }

  const disconnecting = await ada("POST", targetOf(connected, "Disconnect"));
  expect([disconnecting.status, locationOf(disconnecting)]).toEqual([303, "/"]);
  expect(await textOf(await ada("GET", "/contacts"))).toContain("HubSpot is not connected yet.");
  await ada("POST", "/sign-out");
  expect(await textOf(await ada("GET", "/"))).toContain("Who are you?");
}
