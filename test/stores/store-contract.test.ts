/** The contract itself: every rule rejects a store that breaks it and accepts one that does not, and nothing is left out in silence. */
import { describe, expect, it } from "vitest";
import { MemoryTokenStore, type TokenStore } from "../../src/index.js";
import {
  type ContractRunner,
  type ContractSubject,
  runContractCase,
  runStateStoreContract,
  runStoreContract,
  storeContract,
} from "../../src/testing/store-contract/run.js";
import { stateStoreContract } from "../../src/testing/store-contract/state-cases.js";
import { brokenStateStores, memoryStates } from "./support/broken-state-stores.js";
import { brokenStores } from "./support/broken-stores.js";
import { memoryStores } from "./support/memory-and-file.js";

describe("the contract of a token store", () => {
  it("every rule has a broken store, and every broken store a rule", () => {
    expect(Object.keys(brokenStores)).toEqual(storeContract.map((rule) => rule.name));
  });

  it.each(storeContract.map((rule) => [rule.name, rule] as const))("%s: rejects the store that breaks it", async (_, rule) => {
    const subject = brokenStores[rule.name];
    if (subject === undefined) throw new Error("no broken store");
    await expect(runContractCase(rule, subject)).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  });

  it.each(storeContract.map((rule) => [rule.name, rule] as const))("%s: accepts the memory store", async (_, rule) => {
    await expect(runContractCase(rule, memoryStores)).resolves.toBeUndefined();
  });
});

describe("the contract of a state store", () => {
  it("every rule has a broken store, and every broken store a rule", () => {
    expect(Object.keys(brokenStateStores)).toEqual(stateStoreContract.map((rule) => rule.name));
  });

  it.each(stateStoreContract.map((rule) => [rule.name, rule] as const))("%s: rejects the store that breaks it", async (_, rule) => {
    const subject = brokenStateStores[rule.name];
    if (subject === undefined) throw new Error("no broken store");
    await expect(runContractCase(rule, subject)).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  });

  it.each(stateStoreContract.map((rule) => [rule.name, rule] as const))("%s: accepts the memory store", async (_, rule) => {
    await expect(runContractCase(rule, memoryStates)).resolves.toBeUndefined();
  });
});

/** Store whose ifVersion is ignored, with the answer that it gives. */
function unconditional(answer: boolean | undefined): TokenStore {
  const inner = new MemoryTokenStore();
  return {
    get: (id) => inner.get(id),
    set(id, record) {
      inner.set(id, record);
      return answer;
    },
    delete(id) {
      inner.delete(id);
      return answer;
    },
  };
}

describe("what a store is said to lack", () => {
  const rule = storeContract.find(({ name }) => name.startsWith("the store can do"));
  if (rule === undefined) throw new Error("the rule is gone");
  const bare = { lease: "one process", list: "ids are kept elsewhere" };

  it.each<[string, ContractSubject<TokenStore>]>([
    ["no lease, unsaid", { create: () => unconditional(undefined), lacks: { "compare-and-set": "a plain map", list: "none" } }],
    ["no list, unsaid", { create: () => unconditional(undefined), lacks: { "compare-and-set": "a plain map", lease: "none" } }],
    ["no compare-and-set, unsaid", { create: () => unconditional(undefined), lacks: bare }],
    ["no compare-and-set, answered with true", { create: () => unconditional(true), lacks: { ...bare, "compare-and-set": "a plain map" } }],
    ["a lease that is there", { create: () => new MemoryTokenStore(), lacks: { lease: "one process" } }],
    ["a list that is there", { create: () => new MemoryTokenStore(), lacks: { list: "none" } }],
    ["a compare-and-set that is there", { create: () => new MemoryTokenStore(), lacks: { "compare-and-set": "a plain map" } }],
  ])("%s: is rejected", async (_, subject) => {
    await expect(runContractCase(rule, subject)).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  });

  it("a store without compare-and-set that says so is accepted", async () => {
    const subject: ContractSubject<TokenStore> = {
      create: () => unconditional(undefined),
      lacks: { ...bare, "compare-and-set": "a plain map" },
    };
    await expect(runContractCase(rule, subject)).resolves.toBeUndefined();
  });
});

/** Registers nothing, remembers everything. */
function recorder(): { readonly runner: ContractRunner; readonly registered: string[]; readonly skipped: string[] } {
  const registered: string[] = [];
  const skipped: string[] = [];
  const it = Object.assign((name: string) => registered.push(name), { skip: (name: string) => skipped.push(name) });
  return { runner: { describe: (_, body) => body(), it }, registered, skipped };
}

describe("registration", () => {
  it("every case of the contract is registered when everything is there", () => {
    const { runner, registered, skipped } = recorder();
    runStoreContract(runner, memoryStores);
    runStateStoreContract(runner, memoryStates);
    expect(registered).toEqual([...storeContract, ...stateStoreContract].map((rule) => rule.name));
    expect(skipped).toEqual([]);
  });

  it("a case that cannot run is registered as skipped, with the reason", () => {
    const { runner, registered, skipped } = recorder();
    runStoreContract(runner, { create: () => unconditional(undefined), lacks: { "compare-and-set": "a plain map", lease: "one process" } });
    expect(registered.length + skipped.length).toBe(storeContract.length);
    expect(skipped).toContain("a lease excludes others (skipped: no lease: one process)");
    expect(skipped).toContain("one of 20 concurrent writes over one version wins (skipped: no compare-and-set: a plain map)");
    expect(skipped).toContain("list of one namespace leaves out the other (skipped: createNamespace() was not passed)");
    expect(skipped).toContain("list rejects while the backend is down (skipped: breakBackend() and mend() were not passed)");
    expect(skipped).toContain(
      "a lease excludes another instance, which gets it after the release (skipped: no lease: one process; second() was not passed)",
    );
    expect(registered).toContain("list yields every id once, as it was given");
  });

  it("every store that was made is destroyed, and a backend that is down is mended, also after a failure", async () => {
    const log: string[] = [];
    const subject: ContractSubject<string> = {
      create: () => "first",
      second: () => "second",
      breakBackend: () => void log.push("down"),
      mend: () => void log.push("mended"),
      destroy: (store) => void log.push(`destroyed ${store}`),
    };
    const run = runContractCase(
      {
        name: "fails",
        async run({ second, breakBackend }) {
          await second();
          await breakBackend();
          throw new Error("broken");
        },
      },
      subject,
    );
    await expect(run).rejects.toThrow("broken");
    expect(log).toEqual(["down", "mended", "destroyed first", "destroyed second"]);
  });
});
