/** What a store must hold that gives leases, and one that lists its accounts. */
import assert from "node:assert/strict";
import type { Lease, TokenStore } from "../../stores/store.js";
import { assertFails, type ContractCase, countTrue, timeUntil } from "./contract-case.js";
import { exampleRecord, hostileIds } from "./examples.js";
import { put } from "./record-cases.js";

const LONG_MS = 60_000;
/** Long enough to be told from none, short enough to wait for. */
const SHORT_MS = 200;
/** What the backend's clock may differ from ours over a short lease. */
const CLOCK_GRAIN_MS = 25;

async function lease(store: TokenStore, accountId: string, ttlMs = LONG_MS): Promise<Lease | undefined> {
  assert.ok(store.lease !== undefined, "the store has no lease()");
  return store.lease(accountId, { ttlMs });
}

async function mustLease(store: TokenStore, accountId: string, ttlMs = LONG_MS): Promise<Lease> {
  const given = await lease(store, accountId, ttlMs);
  assert.ok(given, "a free lease was refused");
  return given;
}

async function listed(store: TokenStore): Promise<string[]> {
  assert.ok(store.list !== undefined, "the store has no list()");
  const ids: string[] = [];
  for await (const id of store.list()) ids.push(id);
  return ids.toSorted();
}

export const leaseCases: readonly ContractCase<TokenStore>[] = [
  {
    name: "a lease excludes others",
    needs: ["lease"],
    async run({ store }) {
      await mustLease(store, "1");
      assert.equal(await lease(store, "1"), undefined);
    },
  },
  {
    name: "a released lease is free",
    needs: ["lease"],
    async run({ store }) {
      await (await mustLease(store, "1")).release();
      await mustLease(store, "1");
    },
  },
  {
    name: "a lease ends when its time is up, and not before",
    needs: ["lease"],
    async run({ store }) {
      const [, ms] = await timeUntil(
        () => mustLease(store, "1", SHORT_MS),
        () => lease(store, "1"),
      );
      assert.ok(ms >= SHORT_MS - CLOCK_GRAIN_MS, `a lease of ${SHORT_MS} ms was given away after ${ms} ms`);
    },
  },
  {
    name: "a late release does not free the next holder's lease",
    needs: ["lease"],
    async run({ store }) {
      const first = await mustLease(store, "1", SHORT_MS);
      const [second] = await timeUntil(
        () => undefined,
        () => lease(store, "1"),
      );
      await first.release();
      assert.equal(await lease(store, "1"), undefined, "the late release freed the second holder's lease");
      await second.release();
      await mustLease(store, "1");
    },
  },
  {
    name: "leases of different accounts are independent",
    needs: ["lease"],
    async run({ store }) {
      const leases: Lease[] = [];
      for (const id of hostileIds) leases.push(await mustLease(store, id));
      await leases[0]?.release();
      assert.ok(hostileIds[0] !== undefined && hostileIds[1] !== undefined);
      await mustLease(store, hostileIds[0]);
      assert.equal(await lease(store, hostileIds[1]), undefined);
    },
  },
  {
    name: "an account that is leased can be read, written and deleted",
    needs: ["lease"],
    async run({ store }) {
      await put(store, exampleRecord("1"));
      await mustLease(store, "1");
      assert.equal((await store.get("1"))?.version, "version-1");
      await put(store, exampleRecord("1", { version: "version-2" }));
      assert.equal((await store.get("1"))?.version, "version-2");
      await store.delete("1");
      assert.equal(await store.get("1"), undefined);
    },
  },
  {
    name: "one of 20 concurrent callers gets the lease",
    needs: ["lease"],
    async run({ store }) {
      const given = await countTrue(Array.from({ length: 20 }, () => async () => (await lease(store, "1")) !== undefined));
      assert.equal(given, 1);
    },
  },
  {
    name: "a lease excludes another instance, which gets it after the release",
    needs: ["lease", "second-instance"],
    async run({ store, second }) {
      const other = await second();
      const mine = await mustLease(store, "1");
      assert.equal(await lease(other, "1"), undefined);
      await mine.release();
      await mustLease(other, "1");
      assert.equal(await lease(store, "1"), undefined);
    },
  },
  {
    name: "a lease in one namespace leaves the other free",
    needs: ["lease", "namespaces"],
    async run({ store, otherNamespace }) {
      await mustLease(store, "1");
      await mustLease(await otherNamespace(), "1");
    },
  },
  {
    name: "lease rejects while the backend is down",
    needs: ["lease", "outage"],
    async run({ store, breakBackend, mend }) {
      await breakBackend();
      await assertFails(() => lease(store, "1"), "lease");
      await mend();
      await mustLease(store, "1");
    },
  },
];

export const listCases: readonly ContractCase<TokenStore>[] = [
  {
    name: "list yields every id once, as it was given",
    needs: ["list"],
    async run({ store }) {
      assert.deepEqual(await listed(store), []);
      const ids = [...hostileIds, ...Array.from({ length: 60 }, (_, index) => `account-${index}`)];
      for (const id of ids) await put(store, exampleRecord(id));
      // A second write must not list an account twice.
      for (const id of ids) await put(store, exampleRecord(id, { version: "version-2" }));
      assert.deepEqual(await listed(store), ids.toSorted());
    },
  },
  {
    name: "list leaves out what was deleted and what is only leased",
    needs: ["list"],
    async run({ store }) {
      for (const id of ["1", "2", "3"]) await put(store, exampleRecord(id));
      await store.delete("2");
      if (store.lease !== undefined) for (const id of ["2", "3", "4"]) await mustLease(store, id);
      assert.deepEqual(await listed(store), ["1", "3"]);
    },
  },
  {
    name: "list of one namespace leaves out the other",
    needs: ["list", "namespaces"],
    async run({ store, otherNamespace }) {
      const other = await otherNamespace();
      await put(store, exampleRecord("1"));
      await put(other, exampleRecord("2"));
      assert.deepEqual(await listed(store), ["1"]);
      assert.deepEqual(await listed(other), ["2"]);
    },
  },
  {
    name: "list rejects while the backend is down",
    needs: ["list", "outage"],
    async run({ store, breakBackend, mend }) {
      await put(store, exampleRecord("1"));
      await breakBackend();
      await assertFails(() => listed(store), "list");
      await mend();
      assert.deepEqual(await listed(store), ["1"]);
    },
  },
];
