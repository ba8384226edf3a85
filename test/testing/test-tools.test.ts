/** What a test does with an emulator beside sending requests: connect an account, wait for a request, look into the log. */
import { expect, onTestFinished, test } from "vitest";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "../../src/index.js";
import { HubSpotEmulator, startHubSpotEmulator } from "../../src/testing/index.js";
import { rejection } from "../transport/ways.js";

function emulate(): { emulator: HubSpotEmulator; oauth: HubSpotOAuthClient<{ tenant: string }> } {
  const emulator = new HubSpotEmulator({
    accounts: [
      { hubId: 11, users: [{ userId: 1, email: "first@eleven.example" }] },
      {
        hubId: 22,
        users: [
          { userId: 2, email: "first@twentytwo.example" },
          { userId: 3, email: "second@twentytwo.example" },
        ],
      },
    ],
  });
  const oauth = new HubSpotOAuthClient<{ tenant: string }>({ ...emulator.clientOptions(), tokenStore: new MemoryTokenStore() });
  onTestFinished(async () => {
    await oauth.close();
    await emulator.close();
  });
  return { emulator, oauth };
}

test("an account is connected in one call, the first one unless another is named", async () => {
  const { emulator, oauth } = emulate();
  expect((await emulator.connect(oauth)).hubId).toBe("11");
  const { accountId, scopes } = await emulator.connect(oauth, {
    account: 22,
    user: 3,
    scopes: ["crm.objects.deals.write"],
    optionalScopes: ["tickets"],
  });
  expect(scopes.toSorted()).toEqual(["crm.objects.contacts.read", "crm.objects.deals.write", "oauth", "tickets"]);
  expect(await oauth.introspect(await oauth.getAccessToken(accountId))).toMatchObject({ userId: "3" });
  expect(emulator.grants.map(({ hubId, userId }) => [hubId, userId])).toEqual([
    [11, 1],
    [22, 3],
  ]);
});

test("a scope that the app does not have is what the user would see", async () => {
  const { emulator, oauth } = emulate();
  expect(await rejection(emulator.connect(oauth, { scopes: ["crm.nonsense"] }))).toMatchObject({
    message: expect.stringMatching(/^HubSpot shows an error page: /u) as unknown,
  });
});

test("an emulator that listens gives its own origin instead of a dispatcher", async () => {
  const emulator = await startHubSpotEmulator();
  onTestFinished(() => emulator.close());
  const { dispatcher, authorizeOrigin, apiOrigin } = emulator.clientOptions();
  expect([dispatcher, authorizeOrigin, apiOrigin]).toEqual([undefined, emulator.origin, emulator.origin]);
});

test("the log finds the first and the last request that match", async () => {
  const { emulator, oauth } = emulate();
  expect([emulator.find("token"), emulator.last()]).toEqual([undefined, undefined]);
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  for (const limit of [1, 2]) await hubspot.get("/crm/v3/objects/contacts", { query: { limit } });
  await hubspot.get("/account-info/2026-09/details");
  expect([emulator.find("objects-list"), emulator.last("objects-list")].map((request) => request?.query["limit"])).toEqual(["1", "2"]);
  expect(emulator.last()?.route).toBe("account-info");
  expect(emulator.last((request) => request.status === 404)).toBeUndefined();
});

test("the next request that matches is waited for, and handed over as it arrives", async () => {
  const { emulator, oauth } = emulate();
  const { accountId } = await emulator.connect(oauth);
  const refresh = emulator.nextRequest({ grantType: "refresh_token" });
  const any = emulator.nextRequest();
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  await hubspot.get("/crm/v3/objects/contacts");
  expect((await any).route).toBe("objects-list");
  emulator.advance(31 * 60_000);
  let release = (): void => undefined;
  emulator.respondOnce("token", { until: new Promise<void>((resolve) => (release = resolve)) });
  const call = hubspot.get("/crm/v3/objects/contacts");
  expect([(await refresh).route, (await refresh).status]).toEqual(["token", undefined]);
  // The token request that is on its way is not the next one.
  const later = emulator.nextRequest();
  release();
  await call;
  expect((await later).route).toBe("objects-list");
  expect((await refresh).status).toBe(200);
});

test("who waits for a request when the emulator is closed is told, and a match that throws is his own", async () => {
  const { emulator, oauth } = emulate();
  const never = rejection(emulator.nextRequest("uninstall"));
  const broken = rejection(
    emulator.nextRequest(() => {
      throw new Error("a bug in the test");
    }),
  );
  await emulator.connect(oauth);
  expect(await broken).toMatchObject({ message: "a bug in the test" });
  await emulator.close();
  const closed = { message: "The emulator was closed: no request will come" };
  expect(await never).toMatchObject(closed);
  expect(await rejection(emulator.nextRequest())).toMatchObject(closed);
});
