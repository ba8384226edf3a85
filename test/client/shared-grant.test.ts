/** Several connections that live by one refresh token, and a customer who ends them at HubSpot: what one disconnect must not do to others. */
import { randomBytes } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import {
  ConfigurationError,
  type HubSpotOAuthClientOptions,
  MemoryTokenStore,
  ReauthorizationRequiredError,
  type StoredTokens,
  type TokenStore,
} from "../../src/index.js";
import { EncryptedTokenStore } from "../../src/stores/encrypted.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate, type Emulator } from "../support/setup.js";
import { failureOf } from "./flow.js";

const HUB = "24681012";

/** Two tenants of the application, connected to one HubSpot account by the same HubSpot user. */
async function connectTenants(emulator: Emulator, options: Partial<HubSpotOAuthClientOptions> = {}) {
  const made = clientOf(emulator, { accountId: ({ hubId, context }) => `${String(context)}:${hubId}`, ...options });
  for (const context of ["a", "b"]) {
    const { url } = await made.oauth.createAuthorization({ context, binding: "b" });
    await made.oauth.completeAuthorization({ url: await emulator.authorize(url), binding: "b" });
  }
  return made;
}

describe("revoke: unless-shared", () => {
  it("leaves the refresh token alone while another connection lives by it, says for whose sake, and revokes with the last one", async () => {
    const emulator = await emulate();
    const { oauth, store } = await connectTenants(emulator);
    expect(store.get(`a:${HUB}`)?.refreshToken, "HubSpot gave one token to both").toBe(store.get(`b:${HUB}`)?.refreshToken);
    const first = await oauth.disconnect(`a:${HUB}`, { revoke: "unless-shared" });
    expect(first).toEqual({ uninstalled: false, revoked: false, sharedWith: [`b:${HUB}`], errors: [] });
    expect(store.get(`a:${HUB}`)).toBeUndefined();
    await oauth.getAccessToken(`b:${HUB}`, { force: true });
    expect(await oauth.disconnect(`b:${HUB}`, { revoke: "unless-shared" })).toEqual({ uninstalled: false, revoked: true, errors: [] });
    expect(emulator.count("revoke")).toBe(1);
  });

  it("revoke: true ends the other connection, too: that is what it guards against", async () => {
    const emulator = await emulate();
    const { oauth } = await connectTenants(emulator);
    expect((await oauth.disconnect(`a:${HUB}`, { revoke: true })).revoked).toBe(true);
    await expect(oauth.getAccessToken(`b:${HUB}`, { force: true })).rejects.toBeInstanceOf(ReauthorizationRequiredError);
  });

  it("a connection of another account, or with a refresh token of its own, is no reason to keep one", async () => {
    const emulator = await emulate({ accounts: [{ hubId: 1 }, { hubId: 2 }], refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    await connect(oauth, emulator, { hubId: 1 });
    await connect(oauth, emulator, { hubId: 2 });
    const other = store.get("2");
    await oauth.saveTokens({ refreshToken: other?.refreshToken ?? "", accessToken: "t", hubId: "3", scopes: [] });
    expect(await oauth.disconnect("1", { revoke: "unless-shared" })).toEqual({ uninstalled: false, revoked: true, errors: [] });
  });

  it("a store that cannot be looked through ends the attempt before anything is done", async () => {
    const emulator = await emulate();
    const inner = new ScriptedStore();
    const blind: TokenStore = {
      get: (id) => inner.get(id),
      set: (id, record, options) => inner.set(id, record, options),
      delete: (id, options) => inner.delete(id, options),
    };
    const { oauth } = await connectTenants(emulator, { tokenStore: blind });
    await expect(oauth.disconnect(`a:${HUB}`, { revoke: "unless-shared" })).rejects.toBeInstanceOf(ConfigurationError);
    const listing = await connectTenants(emulator, { tokenStore: inner });
    inner.next("get", (proceed) => proceed()).next("get", () => Promise.reject(new Error("down")));
    await expect(listing.oauth.disconnect(`a:${HUB}`, { revoke: "unless-shared", uninstall: true })).rejects.toThrow(/get/);
    expect([emulator.count("revoke"), emulator.count("uninstall")]).toEqual([0, 0]);
    expect(inner.inner.get(`a:${HUB}`)).toBeDefined();
  });

  it("a record that nobody can read may share the refresh token: nothing is revoked, and the account is disconnected all the same", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    store.set("999", { ...(store.get(id) as StoredTokens), accountId: "999", clientId: "another app" });
    const done = await oauth.disconnect(id, { revoke: "unless-shared" });
    expect(done).toEqual({ uninstalled: false, revoked: false, sharedWith: ["999"], errors: [] });
    expect([store.get(id), emulator.count("revoke")]).toEqual([undefined, 0]);
  });

  it("so may one whose key is lost", async () => {
    const emulator = await emulate({ accounts: [{ hubId: 1 }, { hubId: 2 }] });
    const inner = new MemoryTokenStore();
    const withKey = (id: string): EncryptedTokenStore => new EncryptedTokenStore({ store: inner, keys: [{ id, key: randomBytes(32) }] });
    await connect(clientOf(emulator, { tokenStore: withKey("lost") }).oauth, emulator, { hubId: 2 });
    const { oauth } = clientOf(emulator, { tokenStore: withKey("new") });
    const id = await connect(oauth, emulator, { hubId: 1 });
    const done = await oauth.disconnect(id, { revoke: "unless-shared" });
    expect(done).toEqual({ uninstalled: false, revoked: false, sharedWith: ["2"], errors: [] });
    expect([inner.get(id), emulator.count("revoke")]).toEqual([undefined, 0]);
  });

  it("a misspelt choice is refused, not taken for true", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    expect(await failureOf(oauth.disconnect(id, { revoke: "unless_shared" as "unless-shared" }))).toBeInstanceOf(TypeError);
    expect([emulator.count("revoke"), store.get(id)?.status]).toEqual([0, "active"]);
  });
});

test("an uninstall at HubSpot is found by the next refresh, or at once by one that is forced; disconnect then cleans up", async () => {
  const emulator = await emulate();
  const { oauth, events, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.uninstall(id);
  expect((await oauth.getAccount(id))?.status, "nobody has told us").toBe("active");
  await expect(oauth.getAccessToken(id, { force: true })).rejects.toBeInstanceOf(ReauthorizationRequiredError);
  expect(events.filter(({ type }) => type === "grant.dead")).toEqual([{ type: "grant.dead", accountId: id, reason: "BAD_REFRESH_TOKEN" }]);
  const dead: string[] = [];
  for await (const { accountId } of oauth.accounts({ status: "dead" })) dead.push(accountId);
  expect(dead).toEqual([id]);
  expect(await oauth.disconnect(id, { revoke: false })).toEqual({ uninstalled: false, revoked: false, errors: [] });
  expect(store.get(id)).toBeUndefined();
});

test("a word of an uninstall that did not happen costs one refresh and no connection", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  await oauth.getAccessToken(id, { force: true });
  expect((await oauth.getAccount(id))?.status).toBe("active");
});
