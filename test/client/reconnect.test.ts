/** Connecting an account again: what a reconnect asks HubSpot for, that it must be the same account, and that the last one wins. */
import { expect, test } from "vitest";
import { AccountNotConnectedError, StateMismatchError } from "../../src/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { begin, failureOf, queryOf } from "./flow.js";

const HUB = "24681012";
const OTHER_HUB = "135791113";

test("a reconnect pins the account's portal and asks for the scopes it has, besides the configured ones", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const first = await begin(oauth, emulator, { optionalScopes: ["tickets"] });
  const { accountId } = await oauth.completeAuthorization({ url: first.callback, cookie: first.cookie });
  const again = await begin(oauth, emulator, { accountId });
  expect(new URL(again.url).pathname).toBe(`/oauth/${HUB}/authorize`);
  expect(queryOf(again.url).get("scope")).toBe("crm.objects.contacts.read");
  expect(queryOf(again.url).get("optional_scope")).toBe("tickets");
  const done = await oauth.completeAuthorization({ url: again.callback, cookie: again.cookie });
  expect(done).toMatchObject({ accountId, reconnected: true, scopes: ["oauth", "crm.objects.contacts.read", "tickets"] });
});

test("the same account again: the last one wins with a new grant, and nothing is revoked", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const { oauth, store, events } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const before = store.get(id);
  await connect(oauth, emulator);
  const after = store.get(id);
  expect(after?.grantId).not.toBe(before?.grantId);
  expect(after?.accessToken).toBe(await oauth.getAccessToken(id));
  expect(emulator.count("revoke")).toBe(0);
  expect(events.filter(({ type }) => type === "authorization.completed")).toMatchObject([{ reconnected: false }, { reconnected: true }]);
});

test("a dead account comes back to life by a reconnect", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.revokeGrant(id);
  await failureOf(oauth.getAccessToken(id, { force: true }));
  expect(store.get(id)?.status).toBe("dead");
  const again = await begin(oauth, emulator, { accountId: id });
  await oauth.completeAuthorization({ url: again.callback, cookie: again.cookie });
  expect(await oauth.getAccount(id)).toMatchObject({ status: "active", reason: undefined });
});

test("an account that is not connected cannot be reconnected, and a portal that is not its own is a TypeError", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  await expect(oauth.createAuthorization({ accountId: "unknown" })).rejects.toBeInstanceOf(AccountNotConnectedError);
  const accountId = await connect(oauth, emulator);
  await expect(oauth.createAuthorization({ accountId, hubId: OTHER_HUB })).rejects.toThrow(/^hubId is not/);
  expect((await oauth.createAuthorization({ accountId, hubId: HUB })).url).toContain(`/oauth/${HUB}/authorize`);
});

test.each(["accountId", "hubId"] as const)(
  "AB-02 with %s given, another account is refused and nothing is touched or revoked",
  async (by) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const before = store.get(id);
    const { url, cookie } = await oauth.createAuthorization({ [by]: id, context: { tenant: "t" }, returnTo: "/back" });
    // The user takes the account out of the URL.
    const callback = await emulator.authorize(url.replace(`/oauth/${HUB}/`, "/oauth/"), { hubId: OTHER_HUB });
    const error = await failureOf(oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] }));
    expect(error).toBeInstanceOf(StateMismatchError);
    expect(error).toMatchObject({ reason: "wrong-account", returnTo: "/back", context: { tenant: "t" } });
    expect(store.get(id)).toEqual(before);
    expect(store.get(OTHER_HUB)).toBeUndefined();
    expect(emulator.count("revoke")).toBe(0);
  },
);

test("AB-02 a reconnect by another user of the same portal is another account where users have keys of their own", async () => {
  const users = [
    { userId: 1, email: "a@x.example" },
    { userId: 2, email: "b@x.example" },
  ];
  const emulator = await emulate({ accounts: [{ hubId: 99, users }] });
  const { oauth, store } = clientOf(emulator, { accountId: ({ hubId, userId }) => `${hubId}:${userId}` });
  const accountId = await connect(oauth, emulator, { userId: 1 });
  const before = store.get(accountId);
  const again = await begin(oauth, emulator, { accountId }, { userId: 2 });
  await expect(oauth.completeAuthorization({ url: again.callback, cookie: again.cookie })).rejects.toMatchObject({
    reason: "wrong-account",
  });
  expect(store.get(accountId)).toEqual(before);
  expect(store.get("99:2")).toBeUndefined();
});

test("two accounts connect side by side under their hub ids", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  expect([await connect(oauth, emulator), await connect(oauth, emulator, { hubId: OTHER_HUB })]).toEqual([HUB, OTHER_HUB]);
  expect(store.get(HUB)?.accessToken).not.toBe(store.get(OTHER_HUB)?.accessToken);
  expect([await oauth.getAccessToken(HUB), await oauth.getAccessToken(OTHER_HUB)]).toEqual([
    store.get(HUB)?.accessToken,
    store.get(OTHER_HUB)?.accessToken,
  ]);
});
