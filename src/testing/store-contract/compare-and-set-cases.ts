/** What a store must hold that compares versions: the comparison and the write are one step, and a lost one changes nothing. */
import assert from "node:assert/strict";
import type { TokenStore } from "../../stores/store.js";
import { type ContractCase, countTrue } from "./contract-case.js";
import { exampleRecord } from "./examples.js";
import { assertStands, put } from "./record-cases.js";

const needs = ["compare-and-set"] as const;

/** Twenty records that all want to follow the same one. */
const rivals = Array.from({ length: 20 }, (_, index) => exampleRecord("1", { version: `rival-${index}`, grantId: `grant-${index}` }));

/** Lets all rivals write at once over `ifVersion`; asserts that one wins, and that it stands. */
async function race(stores: readonly TokenStore[], ifVersion: string | null): Promise<void> {
  const winners: string[] = [];
  const won = await countTrue(
    rivals.map((rival, index) => async () => {
      const written = await stores[index % stores.length]?.set("1", rival, { ifVersion });
      if (written === true) winners.push(rival.version);
      return written;
    }),
  );
  assert.equal(won, 1, `${won} of 20 concurrent writes over one version were answered with true`);
  const standing = await stores[0]?.get("1");
  assert.equal(standing?.version, winners[0], "what stands is not what was answered with true");
}

export const compareAndSetCases: readonly ContractCase<TokenStore>[] = [
  {
    name: "set with ifVersion null writes only where nothing stands",
    needs,
    async run({ store }) {
      assert.equal(await store.set("1", exampleRecord("1"), { ifVersion: null }), true);
      assert.equal(await store.set("1", exampleRecord("1", { version: "late" }), { ifVersion: null }), false);
      await assertStands(store, "1", exampleRecord("1"));
    },
  },
  {
    name: "set with ifVersion writes only over that version",
    needs,
    async run({ store }) {
      const [first, second] = [exampleRecord("1", { version: "first" }), exampleRecord("1", { version: "second" })];
      await put(store, first);
      for (const ifVersion of ["other", "FIRST", "firs", "first ", "%", ""]) {
        assert.equal(await store.set("1", second, { ifVersion }), false, `over ${JSON.stringify(ifVersion)}`);
      }
      await assertStands(store, "1", first);
      assert.equal(await store.set("1", second, { ifVersion: "first" }), true);
      await assertStands(store, "1", second);
    },
  },
  {
    name: "set with ifVersion writes nothing where nothing stands",
    needs,
    async run({ store }) {
      assert.equal(await store.set("1", exampleRecord("1"), { ifVersion: "version-1" }), false);
      assert.equal(await store.get("1"), undefined);
    },
  },
  {
    name: "set with the version that stands may keep it",
    needs,
    async run({ store }) {
      await put(store, exampleRecord("1"));
      const changed = exampleRecord("1", { accessToken: "sealed with another key" });
      assert.equal(await store.set("1", changed, { ifVersion: "version-1" }), true);
      await assertStands(store, "1", changed);
    },
  },
  {
    name: "set without ifVersion writes whatever stands",
    needs,
    async run({ store }) {
      await store.set("1", exampleRecord("1"), { ifVersion: null });
      await put(store, exampleRecord("1", { version: "version-2" }));
      await assertStands(store, "1", exampleRecord("1", { version: "version-2" }));
    },
  },
  {
    name: "delete with ifVersion leaves another version alone",
    needs,
    async run({ store }) {
      await put(store, exampleRecord("1"));
      assert.equal(await store.delete("1", { ifVersion: "other" }), false);
      await assertStands(store, "1", exampleRecord("1"));
      assert.equal(await store.delete("1", { ifVersion: "version-1" }), true);
      assert.equal(await store.get("1"), undefined);
    },
  },
  {
    name: "delete with ifVersion where nothing stands is true: nothing stands any more",
    needs,
    async run({ store }) {
      assert.equal(await store.delete("1", { ifVersion: "version-1" }), true);
    },
  },
  {
    name: "a late write with the version of a deleted record loses, also after a new connection",
    needs,
    async run({ store }) {
      const late = exampleRecord("1", { version: "late" });
      await put(store, exampleRecord("1"));
      await store.delete("1");
      assert.equal(await store.set("1", late, { ifVersion: "version-1" }), false);
      assert.equal(await store.get("1"), undefined);
      await put(store, exampleRecord("1", { version: "reconnected" }));
      assert.equal(await store.set("1", late, { ifVersion: "version-1" }), false);
      await assertStands(store, "1", exampleRecord("1", { version: "reconnected" }));
    },
  },
  {
    name: "one of 20 concurrent writes over one version wins",
    needs,
    async run({ store }) {
      await put(store, exampleRecord("1"));
      await race([store], "version-1");
    },
  },
  {
    name: "one of 20 concurrent first writes wins",
    needs,
    run: ({ store }) => race([store], null),
  },
  {
    name: "of a write and a delete over one version, one wins",
    needs,
    async run({ store }) {
      for (const first of ["write", "delete"]) {
        await put(store, exampleRecord("1"));
        const next = exampleRecord("1", { version: "version-2" });
        const write = async (): Promise<unknown> => store.set("1", next, { ifVersion: "version-1" });
        const remove = async (): Promise<unknown> => store.delete("1", { ifVersion: "version-1" });
        const won = await Promise.all(first === "write" ? [write(), remove()] : [remove(), write()]);
        assert.notEqual(won[0], won[1], "both won, or both lost");
        await assertStands(store, "1", (first === "write") === won[0] ? next : undefined);
      }
    },
  },
  {
    name: "one of 20 concurrent writes from two instances wins",
    needs: ["compare-and-set", "second-instance"],
    async run({ store, second }) {
      await put(store, exampleRecord("1"));
      await race([store, await second()], "version-1");
    },
  },
];
