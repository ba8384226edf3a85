/** What every state store must hold: a state is new once, and only once, whoever asks. */
import assert from "node:assert/strict";
import type { StateStore } from "../../stores/store.js";
import { assertFails, type ContractCase, countTrue, timeUntil } from "./contract-case.js";
import { hostileIds } from "./examples.js";

const long = { ttlMs: 60_000 };
/** Long enough to be told from none, short enough to wait for. */
const SHORT_MS = 200;
/** What the backend's clock may differ from ours over a short life. */
const CLOCK_GRAIN_MS = 25;

/** The rules of a `StateStore`. */
export const stateStoreContract: readonly ContractCase<StateStore>[] = [
  {
    name: "a state is new the first time, and used from then on",
    async run({ store }) {
      assert.equal(await store.consume("one", long), true);
      assert.equal(await store.consume("one", long), false);
      assert.equal(await store.consume("one", long), false);
    },
  },
  {
    name: "ST-04 one of 50 concurrent callers is the first",
    async run({ store }) {
      assert.equal(await countTrue(Array.from({ length: 50 }, () => () => store.consume("one", long))), 1);
    },
  },
  {
    name: "ST-11 using one state up leaves the others alone",
    async run({ store }) {
      for (const id of hostileIds) assert.equal(await store.consume(id, long), true, JSON.stringify(id));
      for (const id of hostileIds) assert.equal(await store.consume(id, long), false, JSON.stringify(id));
    },
  },
  {
    name: "a state is remembered for its time, and forgotten afterwards",
    async run({ store }) {
      const [, ms] = await timeUntil(
        async () => assert.equal(await store.consume("one", { ttlMs: SHORT_MS }), true),
        // Asking again must not prolong it.
        async () => (await store.consume("one", { ttlMs: SHORT_MS })) || undefined,
      );
      assert.ok(ms >= SHORT_MS - CLOCK_GRAIN_MS, `a state of ${SHORT_MS} ms was forgotten after ${ms} ms`);
    },
  },
  {
    name: "ST-04 two instances on one backend: one of 50 concurrent callers is the first",
    needs: ["second-instance"],
    async run({ store, second }) {
      const stores = [store, await second()];
      const calls = Array.from({ length: 50 }, (_, index) => () => stores[index % 2]?.consume("one", long));
      assert.equal(await countTrue(calls), 1);
    },
  },
  {
    name: "namespaces keep one state apart",
    needs: ["namespaces"],
    async run({ store, otherNamespace }) {
      const other = await otherNamespace();
      assert.equal(await store.consume("one", long), true);
      assert.equal(await other.consume("one", long), true);
    },
  },
  {
    name: "consume rejects while the backend is down, and works again afterwards",
    needs: ["outage"],
    async run({ store, breakBackend, mend }) {
      assert.equal(await store.consume("one", long), true);
      await breakBackend();
      await assertFails(() => store.consume("one", long), "consume of a used state");
      await assertFails(() => store.consume("two", long), "consume of a new state");
      await mend();
      assert.equal(await store.consume("one", long), false);
      assert.equal(await store.consume("three", long), true);
    },
  },
];
