/** What follows a 401 or a 403 of the API: the store read once, at most one refresh, at most one replay. On the emulator. */
import { describe, expect, it } from "vitest";
import { HubSpotApiError, HubSpotHttp, MissingScopesError, privateAppToken, ReauthorizationRequiredError } from "../../src/index.js";
import type { HubSpotOAuthClient, HubSpotOAuthEvent } from "../../src/index.js";
import { gate, ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";
import { rejection } from "../transport/ways.js";
import { agent } from "./support.js";

const PATH = "/crm/v3/objects/contacts";
const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const CALLS = { path: /^\/crm\// };

interface Scene {
  readonly emulator: Emulator;
  readonly oauth: HubSpotOAuthClient;
  readonly store: ScriptedStore;
  readonly id: string;
  readonly hubspot: HubSpotHttp;
  readonly events: HubSpotOAuthEvent[];
}

/** A connected account whose token is in the cache, and counters at zero. */
async function scene(): Promise<Scene> {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  await oauth.getAccessToken(id);
  emulator.clearRequests();
  store.calls.length = 0;
  const events: HubSpotOAuthEvent[] = [];
  return {
    emulator,
    oauth,
    store,
    id,
    hubspot: new HubSpotHttp({ credential: oauth.account(id), retry: false, onEvent: (event) => events.push(event) }),
    events,
  };
}

/** Another process on the same store gets a new token, which ours does not know of. */
async function refreshElsewhere({ emulator, store, id }: Scene): Promise<string> {
  const { oauth } = clientOf(emulator, { tokenStore: store.inner });
  const token = await oauth.getAccessToken(id, { force: true });
  emulator.clearRequests();
  return token;
}

const refuse = (category: string | undefined) => ({
  status: 401,
  body: category === undefined ? "" : { status: "error", message: "No.", category },
});

describe("401 EXPIRED_AUTHENTICATION", () => {
  it.each(["get", "post", "patch", "delete"] as const)("refreshes and sends %s again, once, body and all", async (method) => {
    const now = await scene();
    const { emulator, id, hubspot, store, events } = now;
    emulator.expireTokens();
    const options = method === "post" || method === "patch" ? { body: { properties: { email: "a@b.example" } } } : {};
    emulator.respondOnce({ path: `${PATH}/1` }, refuse("EXPIRED_AUTHENTICATION"));
    emulator.respondOnce({ path: `${PATH}/1` }, { status: 200, body: { id: "1" } });
    expect(await hubspot[method](`${PATH}/1`, options)).toEqual({ id: "1" });
    const calls = emulator.requests.filter(({ path }) => path.startsWith("/crm"));
    expect(calls.map(({ body }) => body)).toEqual(
      Array.from({ length: 2 }, () => (options.body === undefined ? "" : JSON.stringify(options.body))),
    );
    expect(calls[1]?.headers["authorization"]).toBe(`Bearer ${store.inner.get(id)?.accessToken}`);
    expect(calls[1]?.headers["authorization"]).not.toBe(calls[0]?.headers["authorization"]);
    expect(emulator.count(REFRESH)).toBe(1);
    expect(events).toEqual([
      { type: "request.retried", credentialId: `${emulator.app.clientId}:${id}`, status: 401, reason: "another token", waitMs: 0 },
    ]);
  });

  it("a second one surfaces: one refresh, one replay", async () => {
    const { emulator, hubspot } = await scene();
    emulator.respondOnce(CALLS, refuse("EXPIRED_AUTHENTICATION"));
    emulator.respondOnce(CALLS, refuse("EXPIRED_AUTHENTICATION"));
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ code: "hubspot_api", status: 401, category: "EXPIRED_AUTHENTICATION" });
    expect([emulator.count(CALLS), emulator.count(REFRESH)]).toEqual([2, 1]);
  });

  it("a token that another process put into the store is used, without a refresh", async () => {
    const now = await scene();
    const token = await refreshElsewhere(now);
    now.emulator.respondOnce(CALLS, refuse("EXPIRED_AUTHENTICATION"));
    await now.hubspot.get(PATH);
    expect(now.emulator.requests.map(({ headers }) => headers["authorization"]).at(-1)).toBe(`Bearer ${token}`);
    expect([now.emulator.count(CALLS), now.emulator.count(REFRESH)]).toEqual([2, 0]);
  });

  it("to 20 calls at once is one refresh", async () => {
    const { emulator, hubspot } = await scene();
    emulator.expireTokens();
    await Promise.all(Array.from({ length: 20 }, () => hubspot.get(PATH)));
    expect([emulator.count(CALLS), emulator.count(REFRESH)]).toEqual([40, 1]);
  });

  it("with a dead grant ends in ReauthorizationRequiredError, and no replay", async () => {
    const { emulator, hubspot, id } = await scene();
    emulator.revokeGrant(id);
    emulator.expireTokens();
    await expect(hubspot.get(PATH)).rejects.toBeInstanceOf(ReauthorizationRequiredError);
    expect(emulator.count(CALLS)).toBe(1);
  });

  it("with a token endpoint that is down ends in that failure, which may be retried", async () => {
    const { emulator, hubspot } = await scene();
    emulator.expireTokens();
    emulator.respondOnce(REFRESH, { status: 503, body: "" });
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ status: 503, retryable: true });
    expect(emulator.count(CALLS)).toBe(1);
  });

  it("an abort while the refresh runs stops the call, not the refresh", async () => {
    const { emulator, oauth, hubspot, store, id } = await scene();
    const before = store.inner.get(id)?.accessToken;
    const held = gate();
    emulator.expireTokens();
    const refresh = emulator.respondOnce(REFRESH, { until: held.opened });
    const controller = new AbortController();
    const call = rejection(hubspot.get(PATH, { signal: controller.signal }));
    await refresh.arrived;
    controller.abort("enough");
    expect(await call).toBe("enough");
    held.open();
    const after = await oauth.getAccessToken(id, { rejectedToken: before });
    expect(store.inner.get(id)?.accessToken).toBe(after);
    expect(after).not.toBe(before);
    await hubspot.get(PATH);
    expect([emulator.count(CALLS), emulator.count(REFRESH)]).toEqual([2, 1]);
  });

  it("an account's calls carry its own token, 30 accounts and refusals mixed", async () => {
    const emulator = await emulate({
      accounts: Array.from({ length: 30 }, (_, index) => ({ hubId: 1_000 + index, contacts: 0, companies: 0, deals: 0, engagements: 0 })),
    });
    const { oauth } = clientOf(emulator);
    const ids = await Promise.all(emulator.accounts.map(({ hubId }) => connect(oauth, emulator, { hubId })));
    for (const hubId of ids.filter((_, index) => index % 3 === 0)) emulator.expireTokens(hubId);
    emulator.clearRequests();
    await Promise.all(
      ids.map((id) =>
        new HubSpotHttp({ credential: oauth.account(id) }).get(PATH, { query: { after: id, limit: 1 } }).catch(() => undefined),
      ),
    );
    const calls = emulator.requests.filter(({ path }) => path === PATH);
    expect(calls).toHaveLength(40);
    expect(calls.filter(({ query, hubId }) => query["after"] !== String(hubId))).toEqual([]);
  });
});

describe("any other 401", () => {
  const others = [["INVALID_AUTHENTICATION"], ["SOMETHING_NEW"], [undefined]] as const;

  it.each(others)("%s: the store is read once, nothing is refreshed, and the same token is not sent again", async (category) => {
    const { emulator, hubspot, store, events } = await scene();
    emulator.respondOnce(CALLS, refuse(category));
    const error = await rejection(hubspot.get(PATH));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject({ status: 401, category, retryable: false });
    expect(store.calls).toEqual(["get"]);
    expect([emulator.count(CALLS), emulator.count(REFRESH)]).toEqual([1, 0]);
    expect(events).toEqual([]);
  });

  it.each(others)("%s: another token found in the store is sent, once", async (category) => {
    const now = await scene();
    const token = await refreshElsewhere(now);
    now.emulator.respondOnce(CALLS, refuse(category));
    now.emulator.respondOnce(CALLS, refuse(category));
    await expect(now.hubspot.get(PATH)).rejects.toMatchObject({ status: 401 });
    expect(now.emulator.requests.map(({ headers }) => headers["authorization"]).at(-1)).toBe(`Bearer ${token}`);
    expect([now.emulator.count(CALLS), now.emulator.count(REFRESH)]).toEqual([2, 0]);
    await now.hubspot.get(PATH);
  });

  it("HTML under it is no reason to refresh either", async () => {
    const { emulator, hubspot } = await scene();
    emulator.respondOnce(CALLS, { status: 401, headers: { "content-type": "text/html" }, body: '{"category":"EXPIRED_AUTHENTICATION"}' });
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ status: 401, category: undefined });
    expect(emulator.count(REFRESH)).toBe(0);
  });

  it("an account that was disconnected elsewhere is not connected", async () => {
    const { emulator, hubspot, store, id } = await scene();
    store.inner.delete(id);
    emulator.respondOnce(CALLS, refuse("INVALID_AUTHENTICATION"));
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ code: "account_not_connected", accountId: id });
  });
});

describe("403", () => {
  const needed = ["crm.objects.deals.read", "crm.objects.deals.write"];
  const missing = {
    status: 403,
    body: { status: "error", message: "No.", category: "MISSING_SCOPES", errors: [{ context: { requiredGranularScopes: needed } }] },
  };

  it("MISSING_SCOPES: the store is read once, nothing is refreshed, and the scopes are named", async () => {
    const { emulator, hubspot, store, id } = await scene();
    emulator.respondOnce(CALLS, missing);
    const error = await rejection(hubspot.get(PATH));
    expect(error).toBeInstanceOf(MissingScopesError);
    expect(error).toMatchObject({ accountId: id, scopes: needed, anyOf: true, retryable: false });
    expect(store.calls).toEqual(["get"]);
    expect([emulator.count(CALLS), emulator.count(REFRESH)]).toEqual([1, 0]);
  });

  it("MISSING_SCOPES: the token of a reconnect in another process is sent, once", async () => {
    const now = await scene();
    const token = await refreshElsewhere(now);
    now.emulator.respondOnce(CALLS, missing);
    expect(await now.hubspot.get(PATH, { query: { limit: 1 } })).toMatchObject({ results: [{}] });
    expect(now.emulator.requests.map(({ headers }) => headers["authorization"]).at(-1)).toBe(`Bearer ${token}`);
    expect([now.emulator.count(CALLS), now.emulator.count(REFRESH)]).toEqual([2, 0]);
  });

  it("of any other category touches neither store nor token endpoint", async () => {
    const { emulator, hubspot, store } = await scene();
    emulator.respondOnce(CALLS, { status: 403, body: { category: "GATED" } });
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ code: "hubspot_api", status: 403, category: "GATED" });
    expect(store.calls).toEqual([]);
    expect(emulator.requests).toHaveLength(1);
  });

  it("of a private app has no account", async () => {
    const { emulator } = await scene();
    emulator.respondOnce(CALLS, missing);
    const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-1"), apiOrigin: emulator.origin, dispatcher: agent() });
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ code: "missing_scopes", accountId: undefined, scopes: needed });
  });
});

it.each([400, 404, 409, 423, 429, 477, 500, 503])(
  "%d is answered with its error when nothing is retried: no store read, no refresh, no second request",
  async (status) => {
    const { emulator, hubspot, store } = await scene();
    emulator.respondOnce(CALLS, { status, body: { category: "X" } });
    await expect(hubspot.get(PATH)).rejects.toMatchObject({ status });
    expect(store.calls).toEqual([]);
    expect(emulator.requests).toHaveLength(1);
  },
);
