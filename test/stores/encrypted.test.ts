/** The encrypted store: the contract over other stores, then what a seal must hold. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { CompactEncrypt } from "jose";
import { describe, expect, it } from "vitest";
import { ConfigurationError, DecryptionError, MemoryTokenStore, type StoredTokens, type TokenStore } from "../../src/index.js";
import { EncryptedTokenStore, type EncryptionKey } from "../../src/stores/encrypted.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { runContractCase, runStoreContract, storeContract } from "../../src/testing/store-contract/run.js";
import { readStored } from "../../src/token-set.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { vitest } from "./support/contract-runner.js";
import { fileStores, memoryStores, type WholeSubject } from "./support/memory-and-file.js";

const newKey = (id: string): EncryptionKey & { readonly key: Uint8Array } => ({ id, key: new Uint8Array(randomBytes(32)) });
const key = newKey("key-1");
const keys = [key];

interface Row {
  version: string;
  accountId: string;
  sealed: string;
}

/** A store, what it wraps, and a way to read and forge what stands inside. */
function sealedStore(options: Partial<ConstructorParameters<typeof EncryptedTokenStore>[0]> = {}) {
  const inner = new MemoryTokenStore();
  const store = new EncryptedTokenStore({ store: inner, keys, ...options });
  const row = (id = "1"): Row => inner.get(id) as unknown as Row;
  const forge = (id: string, changed: object): boolean => inner.set(id, changed as StoredTokens);
  return { inner, store, row, forge };
}

const headerOf = (row: Row): Record<string, unknown> =>
  JSON.parse(Buffer.from(row.sealed.split(".")[0] ?? "", "base64url").toString()) as Record<string, unknown>;

async function refusal(store: TokenStore, id = "1"): Promise<DecryptionError> {
  const error: unknown = await (async () => store.get(id))().catch((reason: unknown) => reason);
  if (!(error instanceof DecryptionError)) throw new Error(`not a DecryptionError: ${inspect(error)}`);
  return error;
}

/** A contract's subject with every store of it inside an encrypted one. */
function sealing(subject: WholeSubject): WholeSubject {
  const inners = new WeakMap<TokenStore, TokenStore>();
  const over = (inner: TokenStore): TokenStore => {
    const store = new EncryptedTokenStore({ store: inner, keys });
    inners.set(store, inner);
    return store;
  };
  const innerOf = (store: TokenStore): TokenStore => inners.get(store) ?? store;
  return {
    create: async () => over(await subject.create()),
    second: async (store) => over(await subject.second(innerOf(store))),
    createNamespace: async (store) => over(await subject.createNamespace(innerOf(store))),
    breakBackend: (store) => subject.breakBackend(innerOf(store)),
    mend: (store) => subject.mend(innerOf(store)),
    destroy: (store) => subject.destroy(innerOf(store)),
  };
}

describe("over a MemoryTokenStore", () => {
  runStoreContract(vitest, sealing(memoryStores));
});

describe("over a FileTokenStore", () => {
  runStoreContract(vitest, sealing(fileStores));
});

describe("over a store that only gets, sets and deletes", () => {
  const bare = (): TokenStore => {
    const inner = new MemoryTokenStore();
    return { get: (id) => inner.get(id), set: (id, record) => void inner.set(id, record), delete: (id) => void inner.delete(id) };
  };
  const create = (): TokenStore => new EncryptedTokenStore({ store: bare(), keys });
  const lacks = { "compare-and-set": "none inside", lease: "none inside", list: "none inside" };

  it.each(storeContract.flatMap((rule) => (rule.needs === undefined ? [[rule.name, rule] as const] : [])))("%s", async (_, rule) => {
    await expect(runContractCase(rule, { create, lacks })).resolves.toBeUndefined();
  });

  it("lease and list are not there at all", () => {
    expect("lease" in create() || "list" in create()).toBe(false);
  });
});

describe("EN-01 AES-256-GCM", () => {
  it("the store inside sees version, account and ciphertext, and nothing of the record", async () => {
    const { store, row } = sealedStore();
    const record = exampleRecord("1", { accessToken: "CANARY-access", refreshToken: "CANARY-refresh" });
    await store.set("1", record);
    expect(Object.keys(row()).toSorted()).toEqual(["accountId", "sealed", "version"]);
    expect(row()).toMatchObject({ version: "version-1", accountId: "1" });
    const seen = row()
      .sealed.split(".")
      .map((part) => Buffer.from(part, "base64url").toString("latin1"));
    expect(JSON.stringify([row(), seen])).not.toMatch(/CANARY|crm\.objects|62515/);
    expect(headerOf(row())).toEqual({
      alg: "dir",
      enc: "A256GCM",
      kid: "key-1",
      typ: "hubspot-oauth/tokens/v1",
      sub: "1",
      ver: "version-1",
    });
  });

  it("node:crypto opens what it sealed, and it opens what node:crypto sealed", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const [header = "", , iv = "", ciphertext = "", tag = ""] = row().sealed.split(".");
    const nonce = Buffer.from(iv, "base64url");
    expect(nonce).toHaveLength(12);
    const decipher = createDecipheriv("aes-256-gcm", key.key, nonce).setAAD(Buffer.from(header)).setAuthTag(Buffer.from(tag, "base64url"));
    const text = Buffer.concat([decipher.update(Buffer.from(ciphertext, "base64url")), decipher.final()]);
    expect(JSON.parse(text.toString())).toEqual(exampleRecord("1"));

    const cipher = createCipheriv("aes-256-gcm", key.key, Buffer.alloc(12, 7)).setAAD(Buffer.from(header));
    const own = Buffer.concat([cipher.update(JSON.stringify({ mine: true })), cipher.final()]);
    const parts = [Buffer.alloc(12, 7), own, cipher.getAuthTag()].map((part) => part.toString("base64url"));
    forge("1", { ...row(), sealed: [header, "", ...parts].join(".") });
    expect(await store.get("1")).toEqual({ mine: true });
  });

  it("equal records are sealed differently: no nonce is used twice", async () => {
    const { store, row } = sealedStore();
    const nonces = new Set<string | undefined>();
    for (let n = 0; n < 2_000; n++) {
      await store.set("1", exampleRecord("1"));
      nonces.add(row().sealed.split(".")[2]);
    }
    expect(nonces.size).toBe(2_000);
  });
});

describe("EN-02 a seal is bound to", () => {
  it.each([
    ["its account", { accountId: "1" }],
    ["its account, also when the row is made to fit", { accountId: "2" }],
  ])("%s", async (_, change) => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    await store.set("2", exampleRecord("2"));
    forge("2", { ...row("1"), ...change });
    expect((await refusal(store, "2")).message).toContain('account "2" was moved here from another account');
    expect(await store.get("1")).toEqual(exampleRecord("1"));
  });

  it("its account's name in the clear", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    forge("1", { ...row(), accountId: "2" });
    expect((await refusal(store)).message).toContain("was moved");
  });

  it("its version, which is what is compared", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    forge("1", { ...row(), version: "version-2" });
    expect((await refusal(store)).message).toContain("does not match its version");
  });

  it.each([["hubspot-oauth/state/v1"], [undefined]])("its purpose, not %s", async (typ) => {
    const { store, forge } = sealedStore();
    const header = { alg: "dir", enc: "A256GCM", kid: "key-1", sub: "1", ver: "v", ...(typ !== undefined && { typ }) };
    const sealed = await new CompactEncrypt(Buffer.from(JSON.stringify(exampleRecord("1")))).setProtectedHeader(header).encrypt(key.key);
    forge("1", { version: "v", accountId: "1", sealed });
    expect((await refusal(store)).message).toContain("not a token record");
  });

  it("its app: the client id is sealed in, and the client compares it", async () => {
    const { store, row } = sealedStore();
    await store.set("1", exampleRecord("1"));
    expect(JSON.stringify(row())).not.toContain('"app"');
    const record = await store.get("1");
    expect(() => readStored(record, "1", "another-app")).toThrow(ConfigurationError);
    expect(readStored(record, "1", "app").clientId).toBe("app");
  });
});

describe("EN-03 what was changed does not open, and stays", () => {
  it("every character of the seal", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const whole = row();
    for (let at = 0; at < whole.sealed.length; at++) {
      const old = whole.sealed.charAt(at);
      // The neighbour differs in the lowest bit, which in the last character of a part carries nothing.
      for (const other of old === "." ? ["A"] : [old === "A" ? "B" : old === "B" ? "A" : String.fromCharCode(old.charCodeAt(0) ^ 1)]) {
        forge("1", { ...whole, sealed: `${whole.sealed.slice(0, at)}${other}${whole.sealed.slice(at + 1)}` });
        await refusal(store);
      }
    }
    forge("1", whole);
    expect(await store.get("1")).toEqual(exampleRecord("1"));
  });

  it.each<[string, (sealed: string) => unknown]>([
    ["cut", (sealed) => sealed.slice(0, -1)],
    ["empty", () => ""],
    ["a line longer", (sealed) => `${sealed}\n`],
    ["padded", (sealed) => `${sealed}==`],
    ["a part short", (sealed) => sealed.split(".").slice(1).join(".")],
    ["not a string", () => ({})],
    ["null", () => null],
    ["undefined", () => undefined],
    ["another algorithm's", (sealed) => sealed.replace(/^[^.]*/, Buffer.from('{"alg":"none","kid":"key-1"}').toString("base64url"))],
    [
      "compressed",
      (sealed) => sealed.replace(/^[^.]*/, Buffer.from('{"alg":"dir","enc":"A256GCM","zip":"DEF","kid":"key-1"}').toString("base64url")),
    ],
  ])("a seal that is %s", async (_, change) => {
    const { inner, row, forge } = sealedStore();
    await new EncryptedTokenStore({ store: inner, keys }).set("1", exampleRecord("1"));
    const changed = { ...row(), sealed: change(row().sealed) };
    forge("1", changed);
    // undefined does not survive JSON: a row without a seal is a row in plain text.
    const error = await refusal(new EncryptedTokenStore({ store: inner, keys }));
    expect(error.message).toContain('account "1"');
    expect(error.message).toContain("Nothing was deleted");
    expect(inner.get("1")).toEqual(JSON.parse(JSON.stringify(changed)));
  });

  it("another key under the same id does not open it, and says nothing of either", async () => {
    const { inner, store } = sealedStore();
    await store.set("1", exampleRecord("1", { accessToken: "CANARY" }));
    const other = newKey("key-1");
    const error = await refusal(new EncryptedTokenStore({ store: inner, keys: [other] }));
    const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error) + String(error.stack);
    for (const secret of [key.key, other.key]) {
      const bytes = Buffer.from(secret);
      for (const form of [bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex"), inspect(bytes)]) {
        expect(shown).not.toContain(form);
      }
    }
    expect(shown).not.toContain("CANARY");
  });

  it("to the application it is an error, not a customer who left: no refresh is tried", async () => {
    const emulator = await emulate();
    const { inner, store } = sealedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store, cacheMs: 1 });
    const id = await connect(oauth, emulator);
    expect(await oauth.getAccessToken(id)).toEqual(expect.any(String));
    const other = clientOf(emulator, { tokenStore: new EncryptedTokenStore({ store: inner, keys: [newKey("key-2")] }) }).oauth;
    const before = emulator.count({ route: "token" });
    await expect(other.getAccessToken(id)).rejects.toMatchObject({ code: "decryption" });
    await expect(other.getAccessToken(id, { force: true })).rejects.toMatchObject({ code: "decryption" });
    expect(emulator.count({ route: "token" })).toBe(before);
    expect(await oauth.getAccessToken(id, { force: true })).toEqual(expect.any(String));
  });
});

describe("EN-04 keys", () => {
  it("the first one seals, all of them open", async () => {
    const { inner, store, row } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const next = new EncryptedTokenStore({ store: inner, keys: [newKey("key-2"), key] });
    expect(await next.get("1")).toEqual(exampleRecord("1"));
    await next.set("1", exampleRecord("1", { version: "version-2" }), { ifVersion: "version-1" });
    expect(headerOf(row())["kid"]).toBe("key-2");
    expect((await refusal(store)).message).toContain('sealed with the key "key-2", which is not among the keys');
  });

  it("a key id that was forged is not quoted", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const kid = Buffer.from('{"alg":"dir","enc":"A256GCM","kid":"\\n[ERROR] pay here"}').toString("base64url");
    forge("1", { ...row(), sealed: row().sealed.replace(/^[^.]*/, kid) });
    expect((await refusal(store)).message).not.toContain("pay here");
  });
});

describe("EN-05 plain text", () => {
  it("is refused, with the way out, and stays", async () => {
    const { inner, store } = sealedStore();
    inner.set("1", exampleRecord("1"));
    expect((await refusal(store)).message).toContain("migratePlaintext");
    expect(inner.get("1")).toEqual(exampleRecord("1"));
  });

  it("with migratePlaintext it is read, and sealed at the next write", async () => {
    const { inner, store, row } = sealedStore({ migratePlaintext: true });
    inner.set("1", exampleRecord("1"));
    expect(await store.get("1")).toEqual(exampleRecord("1"));
    expect(await store.set("1", exampleRecord("1", { version: "version-2" }), { ifVersion: "version-1" })).toBe(true);
    expect(headerOf(row())["kid"]).toBe("key-1");
  });

  it.each([
    ["another account's", exampleRecord("2")],
    ["without a version", { accountId: "1" }],
  ])("%s is refused also then", async (_, plain) => {
    const { inner, store } = sealedStore({ migratePlaintext: true });
    inner.set("1", plain as StoredTokens);
    expect((await refusal(store)).message).toContain("is damaged");
  });

  it("migratePlaintext lets no seal through that does not open", async () => {
    const { store, row, forge } = sealedStore({ migratePlaintext: true });
    await store.set("1", exampleRecord("1"));
    forge("1", { ...exampleRecord("1"), sealed: `${row().sealed}x` });
    expect((await refusal(store)).message).toContain("is damaged");
  });
});

describe("EN-06 options", () => {
  const base64 = Buffer.from(key.key).toString("base64");
  const store = new MemoryTokenStore();

  it.each<[string, unknown, string]>([
    ["no options", undefined, "options"],
    ["an unknown option", { store, keys, secret: "x" }, "secret"],
    ["no store", { keys }, "store"],
    ["a store without get", { store: { set() {}, delete() {} }, keys }, "store"],
    ["no keys", { store }, "keys"],
    ["an empty ring", { store, keys: [] }, "keys"],
    ["a bare key", { store, keys: key.key }, "keys"],
    ["a key without id", { store, keys: [{ key: key.key }] }, "keys[0].id"],
    ["an id with a space", { store, keys: [{ ...key, id: "a b" }] }, "keys[0].id"],
    ["two keys of one id", { store, keys: [key, newKey("key-1")] }, "different ids"],
    ["no key in it", { store, keys: [key, { id: "2" }] }, 'keys[1].key (id "2")'],
    ["31 bytes", { store, keys: [{ id: "1", key: new Uint8Array(31) }] }, "32 bytes"],
    ["33 bytes", { store, keys: [{ id: "1", key: new Uint8Array(33) }] }, "32 bytes"],
    ["a passphrase", { store, keys: [{ id: "1", key: "correct horse battery staple 32 ch" }] }, "32 bytes"],
    ["16 bytes of base64", { store, keys: [{ id: "1", key: randomBytes(16).toString("base64") }] }, "32 bytes"],
    ["32 bytes of hex", { store, keys: [{ id: "1", key: Buffer.from(key.key).toString("hex") }] }, "32 bytes"],
    ["base64 without its padding", { store, keys: [{ id: "1", key: base64.slice(0, -1) }] }, "32 bytes"],
    ["base64 with a line end", { store, keys: [{ id: "1", key: `${base64}\n` }] }, "32 bytes"],
    ["base64 with spare bits", { store, keys: [{ id: "1", key: `${"A".repeat(42)}B=` }] }, "32 bytes"],
    ["a word for a flag", { store, keys, migratePlaintext: "yes" }, "migratePlaintext"],
  ])("%s is a TypeError that names it, and no key", (_, options, named) => {
    let error: unknown;
    try {
      error = new EncryptedTokenStore(options as never);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(named);
    expect(String(error)).not.toMatch(/correct horse|[A-Za-z0-9+/=]{40,}/);
  });

  it("PP-01 a polluted Object.prototype lets no plain text in", async () => {
    const inner = new MemoryTokenStore();
    inner.set("1", exampleRecord("1"));
    Object.defineProperty(Object.prototype, "migratePlaintext", { value: true, configurable: true });
    try {
      await refusal(new EncryptedTokenStore({ store: inner, keys }));
      expect(inner.get("1")).toEqual(exampleRecord("1"));
    } finally {
      delete (Object.prototype as { migratePlaintext?: unknown }).migratePlaintext;
    }
  });

  it("bytes, a Buffer and base64 are the same key", async () => {
    const { inner, store: first } = sealedStore();
    await first.set("1", exampleRecord("1"));
    for (const form of [Buffer.from(key.key), base64]) {
      const same = new EncryptedTokenStore({ store: inner, keys: [{ id: "key-1", key: form }] });
      expect(await same.get("1")).toEqual(exampleRecord("1"));
    }
  });

  it("a key that the caller wipes afterwards is still ours", async () => {
    const own = newKey("key-1");
    const { store: one } = sealedStore({ keys: [own] });
    await one.set("1", exampleRecord("1"));
    own.key.fill(0);
    expect(await one.get("1")).toEqual(exampleRecord("1"));
  });
});

describe("EN-07 an older row", () => {
  it("under the version that should stand does not open", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const old = row();
    await store.set("1", exampleRecord("1", { version: "version-2" }));
    forge("1", { ...old, version: "version-2" });
    expect((await refusal(store)).message).toContain("does not match its version");
  });

  it("that is put back whole opens: the documented limit", async () => {
    const { store, row, forge } = sealedStore();
    await store.set("1", exampleRecord("1"));
    const old = row();
    await store.set("1", exampleRecord("1", { version: "version-2" }));
    forge("1", old);
    expect((await store.get("1"))?.version).toBe("version-1");
  });
});
