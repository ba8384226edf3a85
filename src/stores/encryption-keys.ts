/** The keys of an `EncryptedTokenStore`, checked. A key is 32 random bytes: there are no passphrases, and no key is ever derived or made up. */

/** A key and the name that records sealed with it carry. */
export interface EncryptionKey {
  /** 1 to 64 letters, digits, `.`, `_` or `-`, such as `"2026-11"`. Stored in the clear; never use one id for two keys. */
  readonly id: string;
  /** 32 random bytes, or their base64, 44 characters: `openssl rand -base64 32`. */
  readonly key: Uint8Array | string;
}

/** A key that is known to be right. */
export interface Key {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** @throws TypeError that names the key, and never quotes it. */
export function readKeys(keys: unknown): readonly [Key, ...Key[]] {
  const given: readonly unknown[] = Array.isArray(keys) ? keys : [];
  const [first, ...others] = given.map((key, index) => readKey(key, `keys[${index}]`));
  if (first === undefined) throw new TypeError("keys must be an array of at least one { id, key }.");
  const ids = [first, ...others].map((key) => key.id);
  if (new Set(ids).size !== ids.length) throw new TypeError("keys must have different ids.");
  return [first, ...others];
}

function readKey(value: unknown, name: string): Key {
  const { id, key } = (value ?? {}) as Partial<Record<keyof EncryptionKey, unknown>>;
  if (typeof id !== "string" || !/^[\w.-]{1,64}$/.test(id)) {
    throw new TypeError(`${name}.id must be 1 to 64 letters, digits, ".", "_" or "-".`);
  }
  return { id, bytes: readBytes(key, `${name}.key (id "${id}")`) };
}

function readBytes(key: unknown, name: string): Uint8Array {
  // 43 characters of base64 are 32 bytes and two bits, which must be zero.
  if (typeof key === "string" && /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(key)) return new Uint8Array(Buffer.from(key, "base64"));
  // A copy: the caller may wipe theirs.
  if (key instanceof Uint8Array && key.length === 32) return new Uint8Array(key);
  throw new TypeError(`${name} must be 32 bytes: a Uint8Array, or their base64 (44 characters, as "openssl rand -base64 32" prints).`);
}
