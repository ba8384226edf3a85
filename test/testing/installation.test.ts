/** Who may install which app where: HubSpot's page stops the others, and the app hears nothing. */

import { describe, expect, test } from "vitest";
import type { StartHubSpotEmulatorOptions } from "../../src/testing/index.js";
import { authorizeUrl, client, connect, grantCode, post, send, start } from "./support.js";

const DATED = "/oauth/2026-09/token";

describe("a user's rights", () => {
  const users = [
    { userId: 1, email: "admin@harbour.example" },
    { userId: 2, email: "clerk@harbour.example", superAdmin: false },
    { userId: 3, email: "buyer@harbour.example", superAdmin: false, marketplaceAccess: true },
  ];
  const options: StartHubSpotEmulatorOptions = { accounts: [{ hubId: 7, users }] };

  test("a super admin and somebody with marketplace access may install apps", async () => {
    const emulator = await start(options);
    for (const userId of [1, 3]) expect(await grantCode(emulator, {}, { userId })).toMatch(/^na1-/u);
  });

  test("anybody else sees HubSpot's page, in the browser and headless, but may cancel", async () => {
    const emulator = await start(options);
    await expect(grantCode(emulator, {}, { userId: 2 })).rejects.toThrow(
      "You are not allowed to install apps. clerk@harbour.example is no super admin",
    );
    const form = (decision: string) => new URLSearchParams({ hub_id: "7", user_id: "2", decision });
    const page = await send(authorizeUrl(emulator), { method: "POST", body: form("grant") });
    expect([page.status, page.headers.get("location")]).toEqual([400, null]);
    expect(page.text).toContain("You are not allowed to install apps");
    expect((await send(authorizeUrl(emulator), { method: "POST", body: form("deny") })).headers.get("location")).toContain("access_denied");
  });
});

describe("distribution", () => {
  const accounts = Array.from({ length: 27 }, (_, index) => ({ hubId: index + 1, contacts: 0, companies: 0, deals: 0, engagements: 0 }));

  test("an app with private distribution goes into the accounts on its list only, and says so in introspection", async () => {
    const emulator = await start({ accounts, app: { distribution: "private", allowedAccounts: [1, 2] } });
    const { access_token } = await connect(emulator, {}, { hubId: 2 });
    await expect(connect(emulator, {}, { hubId: 3 })).rejects.toThrow("account 3 is not on its list");
    const facts = await post(emulator, `${DATED}/introspect`, { token: access_token, ...client(emulator) });
    expect(facts.body).toMatchObject({ is_private_distribution: true, signed_access_token: { isPrivateDistribution: true } });
  });

  test("ten accounts may be on that list", async () => {
    const allowedAccounts = accounts.slice(0, 11).map(({ hubId }) => hubId);
    await expect(start({ app: { distribution: "private", allowedAccounts } })).rejects.toThrow(
      "allowedAccounts may name 10 accounts at most",
    );
    await start({ app: { distribution: "private", allowedAccounts: allowedAccounts.slice(1) } });
  });

  test("an app that the marketplace does not list goes into 25 accounts, and into another when one uninstalls it", async () => {
    const emulator = await start({ accounts, app: { listed: false } });
    for (let hubId = 1; hubId <= 25; hubId++) await connect(emulator, {}, { hubId });
    await expect(connect(emulator, {}, { hubId: 26 })).rejects.toThrow("is installed in 25 accounts already");
    await connect(emulator, {}, { hubId: 25 });
    emulator.uninstall(1);
    await connect(emulator, {}, { hubId: 26 });
    await expect(connect(emulator, {}, { hubId: 27 })).rejects.toThrow("install limit");
  });

  test("a listed one has no such limit", async () => {
    const emulator = await start({ accounts });
    for (let hubId = 1; hubId <= 27; hubId++) await connect(emulator, {}, { hubId });
    expect(emulator.grants).toHaveLength(27);
  });
});

test("v1 alone takes the client secret and the refresh token from the query too", async () => {
  const emulator = await start();
  const { refresh_token } = await connect(emulator);
  const { client_id, client_secret } = client(emulator);
  const query = new URLSearchParams({ client_secret, refresh_token }).toString();
  const form = { grant_type: "refresh_token", client_id };
  expect((await post(emulator, `/oauth/v1/token?${query}`, form)).status).toBe(200);
  expect((await post(emulator, `/oauth/v3/token?${query}`, form)).body["status"]).toBe("BAD_CLIENT_SECRET");
});
