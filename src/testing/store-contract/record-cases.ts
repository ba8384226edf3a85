/** What every token store must hold, whatever it can do beyond: records come back as they were, accounts stay apart, failures are told. */
import assert from "node:assert/strict";
import type { StoredTokens, TokenStore } from "../../stores/store.js";
import { assertFails, type ContractCase } from "./contract-case.js";
import { bareRecord, exampleRecord, hostileIds } from "./examples.js";

/** Sets a record and asserts that the store says it was written. */
export async function put(store: TokenStore, record: StoredTokens): Promise<void> {
  assert.notEqual(await store.set(record.accountId, record), false, "a set without ifVersion writes whatever stands");
}

/** Asserts what stands under an account. */
export async function assertStands(store: TokenStore, accountId: string, record: StoredTokens | undefined): Promise<void> {
  const found = await store.get(accountId);
  assert.deepEqual(found && { ...found }, record);
}

export const recordCases: readonly ContractCase<TokenStore>[] = [
  {
    name: "every field comes back, unknown ones too",
    async run({ store }) {
      const record = { ...exampleRecord("1"), later: { nested: [1, null, { deep: "" }], on: true }, empty: "" };
      await put(store, record);
      await assertStands(store, "1", record);
    },
  },
  {
    name: "a field that is left out stays left out",
    async run({ store }) {
      await put(store, bareRecord("1"));
      await assertStands(store, "1", bareRecord("1"));
    },
  },
  {
    name: "an unknown account is undefined",
    async run({ store }) {
      await put(store, exampleRecord("1"));
      assert.equal(await store.get("2"), undefined);
    },
  },
  {
    name: "set replaces the whole record",
    async run({ store }) {
      await put(store, exampleRecord("1"));
      await put(store, bareRecord("1"));
      await assertStands(store, "1", bareRecord("1"));
    },
  },
  {
    name: "delete removes the record",
    async run({ store }) {
      await put(store, exampleRecord("1"));
      await assertStands(store, "1", exampleRecord("1"));
      assert.notEqual(await store.delete("1"), false, "a delete without ifVersion deletes whatever stands");
      assert.equal(await store.get("1"), undefined);
    },
  },
  {
    name: "deleting an unknown account is quiet",
    async run({ store }) {
      await assert.doesNotReject(async () => assert.notEqual(await store.delete("nobody"), false));
    },
  },
  {
    name: "changing a record after set does not change what is stored",
    async run({ store }) {
      const record = exampleRecord("1");
      await put(store, record);
      Object.assign(record, { accessToken: "changed" });
      (record.scopes as string[]).push("changed");
      await assertStands(store, "1", exampleRecord("1"));
    },
  },
  {
    name: "changing a record after get does not change what is stored",
    async run({ store }) {
      await put(store, exampleRecord("1"));
      const found = await store.get("1");
      assert.ok(found);
      Object.assign(found, { accessToken: "changed" });
      (found.scopes as string[]).push("changed");
      await assertStands(store, "1", exampleRecord("1"));
    },
  },
  {
    name: "SS-02 hostile ids are accounts of their own",
    async run({ store }) {
      const records = hostileIds.map((id, index) => exampleRecord(id, { grantId: `grant-${index}` }));
      for (const record of records) await put(store, record);
      for (const record of records) await assertStands(store, record.accountId, record);
    },
  },
  {
    name: "SS-02 deleting one hostile id leaves the others",
    async run({ store }) {
      for (const id of hostileIds) await put(store, exampleRecord(id));
      for (const [index, id] of hostileIds.entries()) {
        await store.delete(id);
        assert.equal(await store.get(id), undefined);
        const next = hostileIds[index + 1];
        if (next !== undefined) await assertStands(store, next, exampleRecord(next));
      }
    },
  },
  {
    name: "TR-11 tokens of 8 KB come back whole",
    async run({ store }) {
      const record = exampleRecord("1", { accessToken: "a".repeat(8_192), refreshToken: "r".repeat(8_192) });
      await put(store, record);
      await assertStands(store, "1", record);
    },
  },
  {
    name: "any text comes back as it was",
    async run({ store }) {
      const record = {
        ...exampleRecord("1"),
        text: "e\u0301 é 😀 日本語 \u202e \ufeff \u2028 \" \\ ' \n\t {} $1 %s --",
        "naïve key": 1.5e-7,
      };
      await put(store, record);
      await assertStands(store, "1", record);
    },
  },
  {
    name: "20 concurrent writes of different accounts all survive",
    async run({ store }) {
      const records = Array.from({ length: 20 }, (_, index) => exampleRecord(`account-${index}`));
      await Promise.all(records.map((record) => put(store, record)));
      for (const record of records) await assertStands(store, record.accountId, record);
    },
  },
  {
    name: "concurrent writes of one account leave one of them, whole",
    async run({ store }) {
      const records = Array.from({ length: 10 }, (_, index) => ({
        ...exampleRecord("1", { version: `version-${index}`, accessToken: `${index}-`.repeat(index * 100 + 1) }),
        last: index,
      }));
      await Promise.all(records.map((record) => put(store, record)));
      const found = await store.get("1");
      const written = records.find((record) => record.version === found?.version);
      assert.ok(written, "none of the records that were written stands");
      await assertStands(store, "1", written);
    },
  },
  {
    name: "the store can do what it is said to do, and nothing it is said to lack",
    async run({ store, lacks }) {
      const can = { lease: store.lease !== undefined, list: store.list !== undefined };
      assert.equal(can.lease, !lacks.includes("lease"), can.lease ? "it has a lease()" : 'no lease(): add one, or say why under "lacks"');
      assert.equal(can.list, !lacks.includes("list"), can.list ? "it has a list()" : 'no list(): add one, or say why under "lacks"');
      // A store that ignores ifVersion must say so: with `true` the client would believe that it compared.
      const answer = lacks.includes("compare-and-set") ? undefined : true;
      const [first, second] = [exampleRecord("1"), exampleRecord("1", { version: "version-2" })];
      assert.equal(await store.set("1", first, { ifVersion: null }), answer, "the answer of a set with ifVersion null");
      assert.equal(await store.set("1", second, { ifVersion: first.version }), answer, "the answer of a set with ifVersion");
      assert.equal(await store.delete("1", { ifVersion: second.version }), answer, "the answer of a delete with ifVersion");
      assert.equal(await store.get("1"), undefined);
    },
  },
  {
    name: "two instances on one backend see each other's writes and deletes",
    needs: ["second-instance"],
    async run({ store, second }) {
      const other = await second();
      await put(store, exampleRecord("1"));
      await assertStands(other, "1", exampleRecord("1"));
      await put(other, exampleRecord("1", { version: "version-2" }));
      await assertStands(store, "1", exampleRecord("1", { version: "version-2" }));
      await store.delete("1");
      assert.equal(await other.get("1"), undefined);
    },
  },
  {
    name: "namespaces keep one account apart",
    needs: ["namespaces"],
    async run({ store, otherNamespace }) {
      const other = await otherNamespace();
      await put(store, exampleRecord("1"));
      assert.equal(await other.get("1"), undefined);
      await put(other, exampleRecord("1", { version: "version-2" }));
      await assertStands(store, "1", exampleRecord("1"));
      await other.delete("1");
      await assertStands(store, "1", exampleRecord("1"));
    },
  },
  {
    name: "get, set and delete reject while the backend is down, and work again afterwards",
    needs: ["outage"],
    async run({ store, breakBackend, mend }) {
      await put(store, exampleRecord("1"));
      await breakBackend();
      await assertFails(() => store.get("1"), "get");
      await assertFails(() => store.get("nobody"), "get of an unknown account");
      await assertFails(() => store.set("2", exampleRecord("2")), "set");
      await assertFails(() => store.set("1", exampleRecord("1"), { ifVersion: "version-1" }), "set with ifVersion");
      await assertFails(() => store.delete("1"), "delete");
      await assertFails(() => store.delete("1", { ifVersion: "version-1" }), "delete with ifVersion");
      await mend();
      await assertStands(store, "1", exampleRecord("1"));
      await put(store, exampleRecord("3"));
      await assertStands(store, "3", exampleRecord("3"));
    },
  },
];
