/** One broken state store for every rule of the state store's contract. */
import { setImmediate as turn } from "node:timers/promises";
import { MemoryStateStore, type StateStore } from "../../../src/index.js";
import type { ContractSubject } from "../../../src/testing/store-contract/run.js";
import { outage, switchable } from "./switchable.js";

type Subject = ContractSubject<StateStore>;

const create = (consume: (inner: MemoryStateStore) => StateStore["consume"]): Subject => ({
  create: () => ({ consume: consume(new MemoryStateStore()) }),
});

const down = new WeakSet<object>();

export const brokenStateStores: Readonly<Record<string, Subject>> = {
  "a state is new the first time, and used from then on": create(() => () => true),
  "ST-04 one of 50 concurrent callers is the first": create((inner) => {
    const used = new Set<string>();
    return async (id, options) => {
      if (used.has(id)) return false;
      await turn();
      used.add(id);
      inner.consume(id, options);
      return true;
    };
  }),
  "ST-11 using one state up leaves the others alone": create((inner) => (id, options) => inner.consume(id.toLowerCase(), options)),
  "a state is remembered for its time, and forgotten afterwards": create(
    (inner) =>
      (id, { ttlMs }) =>
        inner.consume(id, { ttlMs: ttlMs / 4 }),
  ),
  "ST-04 two instances on one backend: one of 50 concurrent callers is the first": {
    create: () => new MemoryStateStore(),
    second: () => new MemoryStateStore(),
  },
  "namespaces keep one state apart": { create: () => new MemoryStateStore(), createNamespace: (store) => store },
  "consume rejects while the backend is down, and works again afterwards": {
    create() {
      const inner = switchable(new MemoryStateStore());
      const store: StateStore = { consume: (id, options) => !down.has(store) && inner.consume(id, options) };
      return store;
    },
    breakBackend: (store) => void down.add(store),
    mend: (store) => void down.delete(store),
  },
};

/** A memory store with everything the contract can ask for. */
export const memoryStates: Subject = {
  create: () => switchable(new MemoryStateStore()),
  second: (store) => store,
  createNamespace: () => new MemoryStateStore(),
  ...outage,
};
