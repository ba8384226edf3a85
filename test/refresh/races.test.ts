/** What happens when somebody else changes the record while a refresh is under way. */
import { describe, expect, test } from "vitest";
import {
  AccountNotConnectedError,
  MemoryTokenStore,
  ReauthorizationRequiredError,
  type StoredTokens,
  type TokenStore,
} from "../../src/index.js";
import { gate, ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate, type Emulator } from "../support/setup.js";

const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const EXPIRED = 31 * 60_000;

/** Starts a refresh and holds HubSpot's answer back while `meanwhile` runs. */
async function during<T>(emulator: Emulator, refresh: () => Promise<T>, meanwhile: () => unknown): Promise<PromiseSettledResult<T>> {
  emulator.advance(EXPIRED);
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
  const [settled] = await Promise.all([Promise.allSettled([refresh()]), arrived.then(meanwhile).finally(open)]);
  return settled[0];
}

describe("I9 a lost compare-and-set is settled by what stands", () => {
  test("disconnected meanwhile: the account stays gone and the caller is told", async () => {
    const emulator = await emulate();
    const shared = new MemoryTokenStore();
    const here = clientOf(emulator, { tokenStore: shared });
    const there = clientOf(emulator, { tokenStore: shared }).oauth;
    const id = await connect(here.oauth, emulator);
    const result = await during(
      emulator,
      () => here.oauth.getAccessToken(id),
      () => there.disconnect(id, { revoke: false }),
    );
    expect(result).toMatchObject({ status: "rejected", reason: expect.any(AccountNotConnectedError) });
    expect(shared.get(id)).toBeUndefined();
    await expect(here.oauth.getAccessToken(id)).rejects.toThrow(AccountNotConnectedError);
    expect(here.events.map(({ type }) => type)).toContain("refresh.lost-race");
  });

  test("reconnected meanwhile: the new grant stands and its token is used", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const shared = new MemoryTokenStore();
    const here = clientOf(emulator, { tokenStore: shared }).oauth;
    const there = clientOf(emulator, { tokenStore: shared }).oauth;
    const id = await connect(here, emulator);
    const result = await during(
      emulator,
      () => here.getAccessToken(id),
      () => connect(there, emulator),
    );
    expect(result).toEqual({ status: "fulfilled", value: shared.get(id)?.accessToken });
    expect(await there.getAccessToken(id)).toBe(shared.get(id)?.accessToken);
  });

  test("reconnected in this process meanwhile: the new grant stands", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const result = await during(
      emulator,
      () => oauth.getAccessToken(id),
      () => connect(oauth, emulator),
    );
    expect(result).toEqual({ status: "fulfilled", value: store.get(id)?.accessToken });
    expect(await oauth.getAccessToken(id)).toBe(store.get(id)?.accessToken);
  });

  test("only marked dead meanwhile: the fresh tokens are written over the mark", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const result = await during(
      emulator,
      () => oauth.getAccessToken(id),
      () => {
        store.set(id, { ...stored(store, id), version: "marked", status: "dead", reason: "BAD_REFRESH_TOKEN" });
      },
    );
    expect(result).toEqual({ status: "fulfilled", value: store.get(id)?.accessToken });
    expect(store.get(id)).toMatchObject({ status: "active", refreshToken: emulator.grants[0]?.refreshToken });
  });

  test("refreshed by another process meanwhile: theirs is used", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const theirs = { version: "theirs", accessToken: "their-access-token", refreshToken: "their-refresh-token" };
    const result = await during(
      emulator,
      () => oauth.getAccessToken(id),
      () => {
        store.set(id, { ...stored(store, id), ...theirs, obtainedAtMs: emulator.now() });
      },
    );
    expect(result).toEqual({ status: "fulfilled", value: "their-access-token" });
    expect(store.get(id)).toMatchObject(theirs);
  });
});

describe("R8 a refused refresh token is believed only if it still stands", () => {
  test("another process has refreshed: its token is used and nothing is marked", async () => {
    const emulator = await emulate();
    const { oauth, store, events } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const { opened, open } = gate();
    const { arrived } = emulator.respondOnce(REFRESH, {
      until: opened,
      status: 400,
      body: { error: "invalid_grant", status: "BAD_REFRESH_TOKEN" },
    });
    const asking = oauth.getAccessToken(id);
    await arrived;
    store.set(id, { ...stored(store, id), version: "theirs", accessToken: "theirs", refreshToken: "theirs", obtainedAtMs: emulator.now() });
    open();
    expect(await asking).toBe("theirs");
    expect(store.get(id)?.status).toBe("active");
    expect(events.map(({ type }) => type)).not.toContain("grant.dead");
  });

  test("reconnected between the refusal and the mark: the new grant stays alive", async () => {
    const emulator = await emulate();
    const store = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const other = clientOf(emulator, { tokenStore: store.inner }).oauth;
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { status: 400, body: { error: "invalid_grant" } });
    store.next("set", async (proceed) => {
      await connect(other, emulator);
      return proceed();
    });
    expect(await oauth.getAccessToken(id)).toBe(store.inner.get(id)?.accessToken);
    expect(store.inner.get(id)?.status).toBe("active");
  });

  test("disconnected meanwhile: the caller is told so, and nothing comes back", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const { opened, open } = gate();
    const { arrived } = emulator.respondOnce(REFRESH, { until: opened, status: 400, body: { error: "invalid_grant" } });
    const asking = expect(oauth.getAccessToken(id)).rejects.toThrow(AccountNotConnectedError);
    await arrived;
    store.delete(id);
    open();
    await asking;
    expect(store.get(id)).toBeUndefined();
  });
});

describe("a store that does not compare", () => {
  function unsafe(inner: MemoryTokenStore): TokenStore {
    return {
      get: (id) => inner.get(id),
      set: (id, record) => void inner.set(id, record),
      delete: (id) => void inner.delete(id),
    };
  }

  test("is recognised, once per client", async () => {
    const emulator = await emulate();
    const { oauth, events } = clientOf(emulator, { tokenStore: unsafe(new MemoryTokenStore()) });
    const id = await connect(oauth, emulator);
    for (let round = 0; round < 3; round++) {
      emulator.advance(EXPIRED);
      await oauth.getAccessToken(id);
    }
    expect(events.filter(({ type }) => type === "store.unsafe")).toHaveLength(1);
  });

  test("a refresh under way does not bring a disconnected account back in this process", async () => {
    const emulator = await emulate();
    const inner = new MemoryTokenStore();
    const { oauth } = clientOf(emulator, { tokenStore: unsafe(inner) });
    const id = await connect(oauth, emulator);
    let disconnecting: Promise<unknown> = Promise.resolve();
    await during(
      emulator,
      () => oauth.getAccessToken(id),
      () => {
        disconnecting = oauth.disconnect(id, { revoke: false });
      },
    );
    await disconnecting;
    expect(inner.get(id)).toBeUndefined();
    await expect(oauth.getAccessToken(id)).rejects.toThrow(AccountNotConnectedError);
  });

  test("a refresh under way does not overwrite a reconnect in this process", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const inner = new MemoryTokenStore();
    const { oauth } = clientOf(emulator, { tokenStore: unsafe(inner) });
    const id = await connect(oauth, emulator);
    const result = await during(
      emulator,
      () => oauth.getAccessToken(id),
      () => connect(oauth, emulator),
    );
    expect(result).toEqual({ status: "fulfilled", value: inner.get(id)?.accessToken });
    expect(inner.get(id)?.refreshToken).toBe(emulator.grants.at(-1)?.refreshToken);
  });
});

describe("a lease", () => {
  test("held by another process: in the mandatory window its record is waited for, and no request is sent", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const lease = store.lease(id, { ttlMs: 30_000 });
    const asking = oauth.getAccessToken(id);
    store.set(id, { ...stored(store, id), version: "theirs", accessToken: "theirs", obtainedAtMs: emulator.now() });
    expect(await asking).toBe("theirs");
    expect(emulator.count(REFRESH)).toBe(0);
    await lease?.release();
  });

  test("held by another process: in the advisory window the old token is used at once", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const old = await oauth.getAccessToken(id);
    emulator.advance(28 * 60_000);
    store.lease(id, { ttlMs: 30_000 });
    expect(await oauth.getAccessToken(id)).toBe(old);
    expect(emulator.count(REFRESH)).toBe(0);
  });

  test("of a dead holder runs out, and somebody else refreshes", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    store.lease(id, { ttlMs: 1 });
    expect(await oauth.getAccessToken(id)).toBe(store.get(id)?.accessToken);
    expect(emulator.count(REFRESH)).toBe(1);
  });

  test.each([
    ["success", {}],
    ["failure", { status: 503, body: "" }],
    ["a dead grant", { status: 400, body: { error: "invalid_grant" } }],
  ])("is given back after %s", async (_, answer) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { headers: {}, ...answer });
    await oauth.getAccessToken(id).catch(() => undefined);
    expect(store.lease(id, { ttlMs: 1 })).toBeDefined();
  });

  test("R2 taken too long ago is not believed: nothing is sent on its strength", async () => {
    const emulator = await emulate();
    const store = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const realNow = performance.now.bind(performance);
    let stoppedForMs = 0;
    performance.now = () => realNow() + stoppedForMs;
    try {
      // The process is stopped between taking the lease and reading again; its lease of 30 s may be another's by now.
      store.next("lease", async (proceed) => {
        const lease = await proceed();
        store.next("get", (read) => {
          stoppedForMs += 20_000;
          expect(emulator.count(REFRESH)).toBe(0);
          return read();
        });
        return lease;
      });
      await oauth.getAccessToken(id);
    } finally {
      performance.now = realNow;
    }
    expect(store.count("lease")).toBe(2);
    expect(emulator.count(REFRESH)).toBe(1);
  });
});

test("a dead grant seen by two processes is marked once, and both are told", async () => {
  const emulator = await emulate();
  const shared = new MemoryTokenStore();
  const clients = [clientOf(emulator, { tokenStore: shared }), clientOf(emulator, { tokenStore: shared })];
  const id = await connect(clients[0]!.oauth, emulator);
  emulator.revokeGrant(id);
  emulator.advance(EXPIRED);
  for (const { oauth } of clients) await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
  expect(clients.flatMap(({ events }) => events).filter(({ type }) => type === "grant.dead")).toHaveLength(1);
  expect(emulator.count(REFRESH)).toBe(1);
});

function stored(store: MemoryTokenStore, id: string): StoredTokens {
  const record = store.get(id);
  if (record === undefined) throw new Error(`${id} is not stored`);
  return record;
}
