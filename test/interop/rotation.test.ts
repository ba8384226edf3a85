/** Refresh tokens that work once, and refresh tokens that stay: one refresh per account either way, and no family is ever revoked. */
import { describe, expect, test } from "vitest";
import { HubSpotHttp, MemoryTokenStore, type StoredTokens, type TokenStore } from "../../src/index.js";
import { gate, ScriptedStore } from "../support/scripted-store.js";
import { USER } from "./browser.js";
import type { InteropServer } from "./provider.js";
import { clientOf, connect, contactsOf, LIFE_MS, ROTATIONS, serve } from "./setup.js";

const CALLERS = 200;

function sentRefreshTokens(server: InteropServer): (string | null)[] {
  return server.tokenForms("refresh_token").map((form) => form.get("refresh_token"));
}

function crowd<T>(call: () => Promise<T>, callers = CALLERS): Promise<T[]> {
  return Promise.all(Array.from({ length: callers }, call));
}

describe("the counterparty", () => {
  test("with strict rotation, a refresh token used again revokes the whole family", async () => {
    const server = await serve({ rotation: "strict" });
    const { oauth, store } = clientOf(server);
    const id = await connect(oauth);
    const first = store.get(id)?.refreshToken ?? "";
    const second = (await oauth.refresh(first)).refreshToken ?? "";
    expect(second).not.toBe(first);
    await expect(oauth.refresh(first)).rejects.toMatchObject({ code: "token_request_failed", status: 400, error: "invalid_grant" });
    await expect(oauth.refresh(second)).rejects.toMatchObject({ error: "invalid_grant" });
    await expect(oauth.getAccessToken(id, { force: true })).rejects.toMatchObject({ code: "reauthorization_required" });
  });

  test("without rotation, a refresh token works again and again", async () => {
    const server = await serve({ rotation: "none" });
    const { oauth, store } = clientOf(server);
    const refreshToken = store.get(await connect(oauth))?.refreshToken ?? "";
    const tokens = await crowd(() => oauth.refresh(refreshToken), 3);
    expect(new Set(tokens.map((set) => set.accessToken)).size).toBe(3);
    expect(tokens.map((set) => set.refreshToken)).toEqual([refreshToken, refreshToken, refreshToken]);
  });
});

describe.each(ROTATIONS)("rotation %s", (rotation) => {
  test("three refreshes in a row each send the newest refresh token, which is stored before it is used", async () => {
    const server = await serve({ rotation });
    const { oauth, store } = clientOf(server);
    const id = await connect(oauth);
    const stored: (StoredTokens | undefined)[] = [];
    for (let round = 0; round < 3; round++) {
      stored.push(store.get(id));
      server.advance(LIFE_MS);
      expect(await contactsOf(oauth, id)).toBe(USER);
    }
    expect(sentRefreshTokens(server)).toEqual(stored.map((record) => record?.refreshToken));
    expect(new Set(sentRefreshTokens(server)).size).toBe(rotation === "strict" ? 3 : 1);
    expect(store.get(id)?.status).toBe("active");
  });

  test(`${CALLERS} concurrent callers at expiry send one refresh and get one token`, async () => {
    const server = await serve({ rotation });
    const { oauth } = clientOf(server);
    const id = await connect(oauth);
    server.advance(LIFE_MS);
    expect(new Set(await crowd(() => oauth.getAccessToken(id))).size).toBe(1);
    expect(sentRefreshTokens(server)).toHaveLength(1);
    expect(await contactsOf(oauth, id)).toBe(USER);
  });

  test(`${CALLERS} concurrent callers need no lease for that: in one process the flight they share is enough`, async () => {
    const server = await serve({ rotation });
    const inner = new MemoryTokenStore();
    const tokenStore: TokenStore = {
      get: (id) => inner.get(id),
      set: (id, record, options) => inner.set(id, record, options),
      delete: (id, options) => inner.delete(id, options),
    };
    const { oauth } = clientOf(server, { tokenStore });
    const id = await connect(oauth);
    server.advance(LIFE_MS);
    expect(new Set(await crowd(() => oauth.getAccessToken(id))).size).toBe(1);
    expect(sentRefreshTokens(server)).toHaveLength(1);
    server.advance(LIFE_MS);
    expect(await contactsOf(oauth, id)).toBe(USER);
  });

  test(`${CALLERS} concurrent calls that are all refused share one refresh, and all succeed`, async () => {
    const server = await serve({ rotation });
    const { oauth } = clientOf(server);
    const id = await connect(oauth);
    server.expireAccessTokens();
    const http = new HubSpotHttp({ credential: oauth.account(id) });
    await crowd(() => http.get("/crm/v3/objects/contacts"));
    expect(sentRefreshTokens(server)).toHaveLength(1);
  });

  test("two processes on one store send one refresh between them, at each of three expiries", async () => {
    const server = await serve({ rotation });
    const tokenStore = new MemoryTokenStore();
    const processes = [clientOf(server, { tokenStore }), clientOf(server, { tokenStore })] as const;
    const id = await connect(processes[0].oauth);
    for (let round = 1; round <= 3; round++) {
      server.advance(LIFE_MS);
      const tokens = await Promise.all(processes.map(({ oauth }) => crowd(() => oauth.getAccessToken(id))));
      expect(new Set(tokens.flat()).size).toBe(1);
      expect(sentRefreshTokens(server)).toHaveLength(round);
      expect(await Promise.all(processes.map(({ oauth }) => contactsOf(oauth, id)))).toEqual([USER, USER]);
    }
    expect(tokenStore.get(id)?.status).toBe("active");
  });

  test("a process that comes while another one's refresh is on the wire waits for its token and sends nothing", async () => {
    const server = await serve({ rotation });
    const first = clientOf(server);
    const id = await connect(first.oauth);
    const second = clientOf(server, { tokenStore: new ScriptedStore(first.store) });
    server.advance(LIFE_MS);
    const { arrived, release } = server.holdNextTokenRequest();
    const refreshing = first.oauth.getAccessToken(id);
    await arrived;
    const { opened: looked, open } = gate();
    // It looks at the record, finds it expired, and looks again: by then it has decided not to send.
    second.store.next("get", (proceed) => proceed()).next("get", (proceed) => (open(), proceed()));
    const waiting = second.oauth.getAccessToken(id);
    await looked;
    release();
    expect(await waiting).toBe(await refreshing);
    expect(sentRefreshTokens(server)).toHaveLength(1);
    server.advance(LIFE_MS);
    expect(await contactsOf(second.oauth, id)).toBe(USER);
  });

  test("R1 a process that gets the lease after another one has refreshed uses that token: the one it knew is spent", async () => {
    const server = await serve({ rotation });
    const first = clientOf(server);
    const id = await connect(first.oauth);
    const second = clientOf(server, { tokenStore: new ScriptedStore(first.store) });
    await second.oauth.getAccessToken(id);
    server.advance(LIFE_MS);
    second.store.next("lease", async (proceed) => {
      await first.oauth.getAccessToken(id);
      return proceed();
    });
    expect(await second.oauth.getAccessToken(id)).toBe(await first.oauth.getAccessToken(id));
    expect(sentRefreshTokens(server)).toHaveLength(1);
    server.advance(LIFE_MS);
    expect(await contactsOf(second.oauth, id)).toBe(USER);
  });

  test("processes that are told at once to refresh by force do not revoke each other's family", async () => {
    const server = await serve({ rotation });
    const tokenStore = new MemoryTokenStore();
    const processes = [clientOf(server, { tokenStore }), clientOf(server, { tokenStore })] as const;
    const id = await connect(processes[0].oauth);
    await Promise.all(processes.map(({ oauth }) => oauth.getAccessToken(id, { force: true })));
    server.advance(LIFE_MS);
    expect(await Promise.all(processes.map(({ oauth }) => contactsOf(oauth, id)))).toEqual([USER, USER]);
    expect(tokenStore.get(id)?.status).toBe("active");
  });
});

test("two accounts of one app refresh side by side, each with its own refresh token", async () => {
  const server = await serve({ rotation: "strict" });
  const { oauth } = clientOf(server);
  const users = ["51234567-1001", "62345678-1002"];
  const ids = [];
  for (const user of users) ids.push(await connect(oauth, { user }));
  server.advance(LIFE_MS);
  expect(await Promise.all(ids.map((id) => contactsOf(oauth, id)))).toEqual(users);
  expect(new Set(sentRefreshTokens(server)).size).toBe(2);
});
