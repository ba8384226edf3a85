/** EN-04 `rotateKeys()`: every record under the first key, beside running processes, without losing one of their writes. */
import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ConfigurationError, MemoryTokenStore, type StoredTokens, type TokenStore } from "../../src/index.js";
import { EncryptedTokenStore, type EncryptionKey, type KeyRotation } from "../../src/stores/encrypted.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { ScriptedStore } from "../support/scripted-store.js";

const newKey = (id: string): EncryptionKey => ({ id, key: new Uint8Array(randomBytes(32)) });
const oldKey = newKey("old");
const nextKey = newKey("new");
const ids = ["1", "2", "3", "4", "5"];

/** A memory store with five accounts under the old key. */
async function oldRecords(inner = new MemoryTokenStore()): Promise<MemoryTokenStore> {
  const before = new EncryptedTokenStore({ store: inner, keys: [oldKey] });
  for (const id of ids) await before.set(id, exampleRecord(id, { version: `version-of-${id}` }));
  return inner;
}

const ring = (store: TokenStore, migratePlaintext = false): EncryptedTokenStore =>
  new EncryptedTokenStore({ store, keys: [nextKey, oldKey], migratePlaintext });

function keyIdOf(row: StoredTokens | undefined): unknown {
  const { sealed } = row as unknown as { readonly sealed: string };
  return (JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString()) as { readonly kid: unknown }).kid;
}

describe("rotateKeys", () => {
  it("seals every record with the first key, keeps its version, and counts; afterwards the old key can go", async () => {
    const inner = await oldRecords();
    await ring(inner).set("5", exampleRecord("5", { version: "version-of-5" }));
    expect(await ring(inner).rotateKeys()).toEqual({ rotated: 4, current: 1, failed: [] });
    const after = new EncryptedTokenStore({ store: inner, keys: [nextKey] });
    for (const id of ids) {
      expect(inner.get(id)?.version).toBe(`version-of-${id}`);
      expect(keyIdOf(inner.get(id))).toBe("new");
      expect(await after.get(id)).toEqual(exampleRecord(id, { version: `version-of-${id}` }));
    }
    expect(await ring(inner).rotateKeys()).toEqual({ rotated: 0, current: 5, failed: [] });
  });

  it("tells its progress after each record", async () => {
    const seen: KeyRotation[] = [];
    await ring(await oldRecords()).rotateKeys({ onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ rotated }) => rotated)).toEqual([1, 2, 3, 4, 5]);
  });

  it("stops between two records when it is told to, and goes on from there", async () => {
    const inner = await oldRecords();
    const stop = new AbortController();
    const reason = new Error("deploy");
    const run = ring(inner).rotateKeys({ signal: stop.signal, onProgress: ({ rotated }) => rotated === 2 && stop.abort(reason) });
    await expect(run).rejects.toBe(reason);
    expect(await ring(inner).rotateKeys()).toEqual({ rotated: 3, current: 2, failed: [] });
  });

  it("passes over what does not open, names it, leaves it, and does the rest", async () => {
    const inner = await oldRecords();
    const broken = { ...inner.get("2"), sealed: "damaged" } as unknown as StoredTokens;
    inner.set("2", broken);
    const { failed, ...counts } = await ring(inner).rotateKeys();
    expect(counts).toEqual({ rotated: 4, current: 0 });
    expect(failed).toMatchObject([{ accountId: "2", error: { code: "decryption" } }]);
    expect(inner.get("2")).toEqual(broken);
  });

  it("seals plain text with migratePlaintext, and counts it as failed without", async () => {
    const inner = new MemoryTokenStore();
    inner.set("1", exampleRecord("1"));
    expect((await ring(inner).rotateKeys()).failed).toHaveLength(1);
    expect(inner.get("1")).toEqual(exampleRecord("1"));
    expect(await ring(inner, true).rotateKeys()).toEqual({ rotated: 1, current: 0, failed: [] });
    expect(await ring(inner).get("1")).toEqual(exampleRecord("1"));
  });

  it("an account that leaves meanwhile stays away", async () => {
    const inner = await oldRecords();
    const scripted = new ScriptedStore(inner);
    scripted.next("get", (proceed) => {
      inner.delete("1");
      return proceed();
    });
    scripted.next("set", (proceed) => {
      inner.delete("2");
      return proceed();
    });
    expect(await ring(scripted).rotateKeys()).toEqual({ rotated: 3, current: 0, failed: [] });
    expect([inner.get("1"), inner.get("2")]).toEqual([undefined, undefined]);
  });

  it("a refresh that comes in between wins, and is sealed anew in its turn", async () => {
    const inner = await oldRecords();
    const scripted = new ScriptedStore(inner);
    // A process that does not have the new key in front yet.
    scripted.next("set", async (proceed) => {
      const other = new EncryptedTokenStore({ store: inner, keys: [oldKey, nextKey] });
      await other.set("1", exampleRecord("1", { version: "refreshed", refreshToken: "r2" }), { ifVersion: "version-of-1" });
      return proceed();
    });
    expect(await ring(scripted).rotateKeys()).toEqual({ rotated: 5, current: 0, failed: [] });
    expect(await ring(inner).get("1")).toMatchObject({ version: "refreshed", refreshToken: "r2" });
    expect(keyIdOf(inner.get("1"))).toBe("new");
  });

  it("beside three processes that write all the time, no write is lost and nobody sees an error", async () => {
    const inner = await oldRecords();
    // Every call takes a turn of the event loop, so that the processes mix.
    const slow: TokenStore = {
      get: async (id) => (await turn(), inner.get(id)),
      set: async (id, record, options) => (await turn(), inner.set(id, record, options)),
      delete: async (id, options) => (await turn(), inner.delete(id, options)),
      list: () => inner.list(),
    };
    let running = true;
    const written = new Map(ids.map((id) => [id, 0]));
    const count = (id: string): number => written.get(id) ?? 0;
    for (const id of ids) await ring(inner).set(id, exampleRecord(id, { version: "0", grantId: "0" }));
    await new EncryptedTokenStore({ store: inner, keys: [oldKey, nextKey] }).rotateKeys();
    const processes = [
      [oldKey, nextKey],
      [oldKey, nextKey],
      [nextKey, oldKey],
    ].map(async (keys, process) => {
      const store = new EncryptedTokenStore({ store: slow, keys });
      for (let n = 0; running; n++) {
        const id = ids[n % ids.length] ?? "";
        const standing = await store.get(id);
        const next = exampleRecord(id, { version: `${process}-${n}`, grantId: String(Number(standing?.grantId) + 1) });
        if (await store.set(id, next, { ifVersion: standing?.version ?? null })) written.set(id, count(id) + 1);
      }
    });
    for (let round = 0; round < 20; round++) expect((await ring(slow).rotateKeys()).failed).toEqual([]);
    running = false;
    await Promise.all(processes);
    for (const id of ids) {
      expect(count(id)).toBeGreaterThan(0);
      expect((await ring(inner).get(id))?.grantId).toBe(String(count(id)));
    }
  });

  it("needs a list and a comparison inside, and says so", async () => {
    const inner = await oldRecords();
    const get = (id: string): StoredTokens | undefined => inner.get(id);
    const noList: TokenStore = { get, set: (id, record, options) => inner.set(id, record, options), delete: (id) => inner.delete(id) };
    await expect(ring(noList).rotateKeys()).rejects.toThrow(ConfigurationError);
    const noComparison: TokenStore = { ...noList, set: (id, record) => void inner.set(id, record), list: () => inner.list() };
    await expect(ring(noComparison).rotateKeys()).rejects.toThrow(ConfigurationError);
  });

  it("a store that is down ends it: what is left is done by the next call", async () => {
    const inner = await oldRecords();
    const scripted = new ScriptedStore(inner);
    const down = new Error("connection refused");
    scripted.next("get", (proceed) => proceed()).next("get", () => Promise.reject(down));
    await expect(ring(scripted).rotateKeys()).rejects.toBe(down);
    expect(await ring(inner).rotateKeys()).toEqual({ rotated: 4, current: 1, failed: [] });
  });
});
