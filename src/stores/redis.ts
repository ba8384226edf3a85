/**
 * Tokens and used states in Redis, for several processes: one hash per account, compared and written by one script. Works over the
 * application's own ioredis or node-redis client, which is never closed here. One server, or one behind a failover; on a cluster, each
 * account lives in one slot.
 *
 * Redis must not evict (`maxmemory-policy noeviction`) and should persist (`appendonly yes`): a record that Redis drops is a customer who
 * has to connect again. Give each app and each environment a namespace of its own.
 */
import { randomUUID } from "node:crypto";
import { TokenStoreError } from "../errors.js";
import { ownOptions } from "../option-checks.js";
import { type RedisClient, type RedisCommands, redisCommands, redisScript } from "./redis-client.js";
import { reducingErrors } from "./redis-errors.js";
import { scanKeys } from "./redis-scan.js";
import type { Lease, StateStore, StoredTokens, TokenStore } from "./store.js";

export { RedisRateLimitStore, type RedisRateLimitStoreOptions } from "./redis-rate-limit.js";
export type { IoredisClient, IoredisCluster, NodeRedisClient, NodeRedisCluster, RedisClient } from "./redis-client.js";

const DEFAULT_NAMESPACE = "hubspot-oauth";

/** Options of a `RedisTokenStore` or a `RedisStateStore`. */
export interface RedisStoreOptions {
  /** A client of ioredis 5 or 6 or of node-redis 5 or 6, alone or of a cluster. Connecting it and closing it are yours. */
  readonly client: RedisClient;
  /**
   * What the keys begin with: 1 to 100 letters, digits, `.`, `_`, `-` or `:`. One for each app and environment that share a Redis.
   * @default "hubspot-oauth"
   */
  readonly namespace?: string | undefined;
}

/** Writes if the version ARGV[3] stands, or nothing where there is no ARGV[3]. */
const WRITE_IF = redisScript(`
if redis.call("HGET", KEYS[1], "v") ~= (ARGV[3] or false) then return 0 end
redis.call("HSET", KEYS[1], "v", ARGV[1], "d", ARGV[2])
return 1`);

/** Deletes if the version ARGV[1] stands, or nothing. */
const DELETE_IF = redisScript(`
local standing = redis.call("HGET", KEYS[1], "v")
if standing and standing ~= ARGV[1] then return 0 end
redis.call("DEL", KEYS[1])
return 1`);

/** Takes a key for ARGV[2] ms. The same owner may ask again: a driver repeats commands whose answer it lost. */
const CLAIM = redisScript(`
if redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then return 1 end
if redis.call("GET", KEYS[1]) == ARGV[1] then return 1 end
return 0`);

/** Gives a key back that is still ours. */
const RELEASE = redisScript(`
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`);

/** Keeps each account's tokens in a hash of its own: `v`, the version, and `d`, the record as JSON. They do not expire. */
export class RedisTokenStore implements TokenStore {
  readonly #redis: RedisCommands;
  readonly #namespace: string;

  /** @throws TypeError that names the wrong option. */
  constructor(options: RedisStoreOptions) {
    ({ redis: this.#redis, namespace: this.#namespace } = resolveOptions(options, "RedisTokenStore"));
  }

  get(accountId: string): Promise<StoredTokens | undefined> {
    return run("get", async () => {
      const reply = await this.#redis.command("HMGET", this.#recordKey(accountId), "v", "d");
      const [version, data] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
      if (version === null && data === null) return undefined;
      const record = typeof data === "string" ? parse(data) : undefined;
      if (record === undefined || record.version !== version) throw damaged(accountId);
      return record;
    });
  }

  set(accountId: string, record: StoredTokens, { ifVersion }: { readonly ifVersion?: string | null } = {}): Promise<boolean> {
    return run("set", async () => {
      const key = this.#recordKey(accountId);
      const fields = [record.version, JSON.stringify(record)] as const;
      if (ifVersion !== undefined) {
        return isOne(await this.#redis.evaluate(WRITE_IF, key, ...fields, ...(ifVersion === null ? [] : [ifVersion])), "set");
      }
      await this.#redis.command("HSET", key, "v", fields[0], "d", fields[1]);
      return true;
    });
  }

  delete(accountId: string, { ifVersion }: { readonly ifVersion?: string } = {}): Promise<boolean> {
    return run("delete", async () => {
      const key = this.#recordKey(accountId);
      if (ifVersion !== undefined) return isOne(await this.#redis.evaluate(DELETE_IF, key, ifVersion), "delete");
      await this.#redis.command("DEL", key);
      return true;
    });
  }

  /**
   * The ids of all accounts, by SCAN over every server. It walks the whole key space, so keep accounts in a Redis that is not mostly
   * something else. Rejects while a cluster moves slots: the list would not be complete.
   */
  async *list(): AsyncGenerator<string, void, undefined> {
    const start = `${this.#redis.keyPrefix}${this.#namespace}:{`;
    const end = "}:record";
    const keys = scanKeys(this.#redis, `${escapePattern(start)}*${end}`, this.#recordKey(""));
    for (;;) {
      const next = await run("list", () => keys.next());
      if (next.done === true) return;
      yield decodeId(next.value.slice(start.length, -end.length));
    }
  }

  lease(accountId: string, { ttlMs }: { readonly ttlMs: number }): Promise<Lease | undefined> {
    return run("lease", async () => {
      const key = redisKey(this.#namespace, accountId, "lease");
      const owner = randomUUID();
      if (!isOne(await this.#redis.evaluate(CLAIM, key, owner, `${Math.ceil(ttlMs)}`), "lease")) return undefined;
      return {
        release: () => run("lease", async () => void (await this.#redis.evaluate(RELEASE, key, owner))),
      };
    });
  }

  #recordKey(accountId: string): string {
    return redisKey(this.#namespace, accountId, "record");
  }
}

/** Remembers used states in Redis, for the processes behind one redirect URI. Each is a key that expires. */
export class RedisStateStore implements StateStore {
  readonly #redis: RedisCommands;
  readonly #namespace: string;

  /** @throws TypeError that names the wrong option. */
  constructor(options: RedisStoreOptions) {
    ({ redis: this.#redis, namespace: this.#namespace } = resolveOptions(options, "RedisStateStore"));
  }

  consume(id: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
    return reducingErrors("RedisStateStore", "consume", async () => {
      const key = redisKey(this.#namespace, id, "state");
      return isOne(await this.#redis.evaluate(CLAIM, key, randomUUID(), `${Math.ceil(ttlMs)}`), "consume");
    });
  }
}

function resolveOptions(options: RedisStoreOptions, where: string): { readonly redis: RedisCommands; readonly namespace: string } {
  const { client, namespace = DEFAULT_NAMESPACE } = ownOptions(options, ["client", "namespace"], where);
  // No brace: the first one ends the namespace, so no two namespaces share a key. None of SCAN's pattern characters either.
  if (typeof namespace !== "string" || !/^[\w.:-]{1,100}$/.test(namespace)) {
    throw new TypeError('namespace must be 1 to 100 letters, digits, ".", "_", "-" or ":".');
  }
  return { redis: redisCommands(client), namespace };
}

/** `hubspot-oauth:{62515}:record`. What stands in braces decides the slot in a cluster. */
function redisKey(namespace: string, id: string, kind: "record" | "lease" | "state"): string {
  return `${namespace}:{${encodeId(id)}}:${kind}`;
}

/** Letters, digits, `.`, `_` and `-` as they are, the rest in percent form: readable where it can be, and no two ids alike. */
function encodeId(id: string): string {
  // Half a surrogate pair has no UTF-8 of its own: all of them would be one id.
  return id.replace(/[^\w.-]/gu, (character) =>
    /\p{Surrogate}/u.test(character)
      ? `%u${character.charCodeAt(0).toString(16)}`
      : [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

function decodeId(encoded: string): string {
  return decodeURIComponent(encoded.replace(/%u([0-9a-f]{4})/g, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16))));
}

function escapePattern(text: string): string {
  return text.replace(/[*?[\]\\^]/g, String.raw`\$&`);
}

function parse(data: string): StoredTokens | undefined {
  try {
    return (JSON.parse(data) ?? undefined) as StoredTokens | undefined;
  } catch {
    // The parser's message quotes what it read.
    return undefined;
  }
}

function run<T>(operation: string, work: () => Promise<T>): Promise<T> {
  return reducingErrors("RedisTokenStore", operation, work);
}

/** A script's answer. Anything else means that the client is not what it seems: nobody may take it for "not written". */
function isOne(reply: unknown, operation: string): boolean {
  // ioredis can be set to answer numbers as strings.
  if (reply === 1 || reply === "1") return true;
  if (reply === 0 || reply === "0") return false;
  throw new TokenStoreError(`Redis or its client gave an unexpected answer to ${operation}.`, { operation });
}

function damaged(accountId: string): TokenStoreError {
  return new TokenStoreError(
    `The record of account ${JSON.stringify(accountId)} in Redis is damaged, or the client does not return text. Nothing was deleted.`,
    { operation: "get" },
  );
}
