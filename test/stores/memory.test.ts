/** The memory stores: what every store must hold, and what is theirs. */
import { describe, expect, test, vi } from "vitest";
import { MemoryStateStore, MemoryTokenStore, type StoredTokens } from "../../src/index.js";

function record(over: Partial<StoredTokens> = {}): StoredTokens {
  return {
    version: "v1",
    format: 1,
    accountId: "1",
    hubId: "1",
    clientId: "app",
    grantId: "grant",
    accessToken: "a".repeat(8_192),
    refreshToken: "r",
    obtainedAtMs: 1,
    expiresInMs: 2,
    connectedAtMs: 3,
    scopes: ["oauth"],
    status: "active",
    ...over,
  };
}

const HOSTILE_IDS = ["__proto__", "constructor", "a/b", "../x", "a:b", "{x}", "*", "%", "a b", "é", "e\u0301", "A", "a", "1", "11", "x".repeat(200)];

describe("MemoryTokenStore", () => {
  test("what was set is got, unknown fields included", () => {
    const store = new MemoryTokenStore();
    const kept = { ...record(), later: { nested: [1, null] } };
    expect(store.set("1", kept)).toBe(true);
    expect(store.get("1")).toEqual(kept);
  });

  test("an unknown id is undefined, and deleting it is quiet", () => {
    const store = new MemoryTokenStore();
    expect(store.get("nobody")).toBeUndefined();
    expect(store.delete("nobody")).toBe(true);
  });

  test("records go in and come out as copies", () => {
    const store = new MemoryTokenStore();
    const given = record({ scopes: ["one"] });
    store.set("1", given);
    (given.scopes as string[]).push("two");
    (store.get("1")?.scopes as string[]).push("three");
    expect(store.get("1")?.scopes).toEqual(["one"]);
  });

  test("SS-02 hostile ids stay apart", async () => {
    const store = new MemoryTokenStore();
    for (const id of HOSTILE_IDS) store.set(id, record({ accountId: id }));
    for (const id of HOSTILE_IDS) expect(store.get(id)?.accountId).toBe(id);
    const listed: string[] = [];
    for await (const id of store.list()) listed.push(id);
    expect(new Set(listed)).toEqual(new Set(HOSTILE_IDS));
  });

  test("ifVersion: a string writes only over that version", () => {
    const store = new MemoryTokenStore();
    store.set("1", record({ version: "a" }));
    expect(store.set("1", record({ version: "b" }), { ifVersion: "other" })).toBe(false);
    expect(store.get("1")?.version).toBe("a");
    expect(store.set("1", record({ version: "b" }), { ifVersion: "a" })).toBe(true);
    expect(store.get("1")?.version).toBe("b");
  });

  test("ifVersion: null writes only where nothing stands", () => {
    const store = new MemoryTokenStore();
    expect(store.set("1", record({ version: "a" }), { ifVersion: null })).toBe(true);
    expect(store.set("1", record({ version: "b" }), { ifVersion: null })).toBe(false);
    expect(store.get("1")?.version).toBe("a");
  });

  test("a late write with the version of a deleted record loses, also after a re-creation", () => {
    const store = new MemoryTokenStore();
    store.set("1", record({ version: "a" }));
    store.delete("1");
    expect(store.set("1", record({ version: "late" }), { ifVersion: "a" })).toBe(false);
    store.set("1", record({ version: "b" }));
    expect(store.set("1", record({ version: "late" }), { ifVersion: "a" })).toBe(false);
    expect(store.get("1")?.version).toBe("b");
  });

  test("delete with ifVersion leaves another version alone", () => {
    const store = new MemoryTokenStore();
    store.set("1", record({ version: "a" }));
    expect(store.delete("1", { ifVersion: "b" })).toBe(false);
    expect(store.get("1")).toBeDefined();
    expect(store.delete("1", { ifVersion: "a" })).toBe(true);
    expect(store.get("1")).toBeUndefined();
  });

  test("a lease excludes others until it is released or its time is up", () => {
    const store = new MemoryTokenStore();
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const first = store.lease("1", { ttlMs: 1_000 });
    expect(first).toBeDefined();
    expect(store.lease("1", { ttlMs: 1_000 })).toBeUndefined();
    expect(store.lease("2", { ttlMs: 1_000 })).toBeDefined();
    clock.mockReturnValue(1_000);
    const second = store.lease("1", { ttlMs: 1_000 });
    expect(second).toBeDefined();
    void first?.release();
    expect(store.lease("1", { ttlMs: 1_000 }), "a late release frees nobody else's lease").toBeUndefined();
    void second?.release();
    expect(store.lease("1", { ttlMs: 1_000 })).toBeDefined();
  });
});

describe("MemoryStateStore", () => {
  test("ST-04 a state is new once, under 50 concurrent callers", async () => {
    const store = new MemoryStateStore();
    const answers = await Promise.all(Array.from({ length: 50 }, async () => store.consume("id", { ttlMs: 1_000 })));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  test("ST-11 using one state up leaves the others alone", () => {
    const store = new MemoryStateStore();
    store.consume("one", { ttlMs: 1_000 });
    expect(store.consume("two", { ttlMs: 1_000 })).toBe(true);
  });

  test("ST-10 what is past its time is forgotten, so that memory stays bounded", () => {
    const store = new MemoryStateStore();
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    for (let flow = 0; flow < 10_000; flow++) store.consume(`flow-${flow}`, { ttlMs: 1_000 });
    clock.mockReturnValue(999);
    expect(store.consume("flow-0", { ttlMs: 1_000 })).toBe(false);
    clock.mockReturnValue(1_000);
    expect(store.consume("flow-0", { ttlMs: 1_000 })).toBe(true);
    expect(store.consume("flow-9999", { ttlMs: 1_000 })).toBe(true);
  });

  test("ST-06 the wall clock does not matter: a state stays used when it jumps", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const store = new MemoryStateStore();
      vi.setSystemTime(1_000_000);
      store.consume("id", { ttlMs: 1_000 });
      vi.setSystemTime(9_000_000_000);
      expect(store.consume("id", { ttlMs: 1_000 })).toBe(false);
      vi.setSystemTime(0);
      expect(store.consume("id", { ttlMs: 1_000 })).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
