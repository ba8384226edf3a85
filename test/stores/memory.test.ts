/** The memory stores: the contract, then what is special there. */
import { describe, expect, it, vi } from "vitest";
import { MemoryStateStore, MemoryTokenStore } from "../../src/index.js";
import { runStateStoreContract, runStoreContract } from "../../src/testing/store-contract/run.js";
import { vitest } from "./support/contract-runner.js";
import { memoryStores } from "./support/memory-and-file.js";
import { outage, switchable } from "./support/switchable.js";

describe("MemoryTokenStore", () => {
  runStoreContract(vitest, memoryStores);

  it("the wall clock does not matter: a lease stays held when it jumps", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const store = new MemoryTokenStore();
      vi.setSystemTime(1_000_000);
      expect(store.lease("1", { ttlMs: 60_000 })).toBeDefined();
      vi.setSystemTime(9_000_000_000);
      expect(store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
      vi.setSystemTime(0);
      expect(store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it("a lease ends to the millisecond", () => {
    const store = new MemoryTokenStore();
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    store.lease("1", { ttlMs: 1_000 });
    clock.mockReturnValue(999);
    expect(store.lease("1", { ttlMs: 1_000 })).toBeUndefined();
    clock.mockReturnValue(1_000);
    expect(store.lease("1", { ttlMs: 1_000 })).toBeDefined();
  });
});

describe("MemoryStateStore", () => {
  runStateStoreContract(vitest, {
    create: () => switchable(new MemoryStateStore()),
    second: (store) => store,
    createNamespace: () => new MemoryStateStore(),
    ...outage,
  });

  it("ST-10 what is past its time is forgotten, so that memory stays bounded", () => {
    const store = new MemoryStateStore();
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    for (let flow = 0; flow < 10_000; flow++) store.consume(`flow-${flow}`, { ttlMs: 1_000 });
    clock.mockReturnValue(999);
    expect(store.consume("flow-0", { ttlMs: 1_000 })).toBe(false);
    clock.mockReturnValue(1_000);
    expect(store.consume("flow-0", { ttlMs: 1_000 })).toBe(true);
    expect(store.consume("flow-9999", { ttlMs: 1_000 })).toBe(true);
  });

  it("ST-06 the wall clock does not matter: a state stays used when it jumps", () => {
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
