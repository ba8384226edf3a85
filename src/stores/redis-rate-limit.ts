/**
 * Counts calls for several processes in Redis: one sorted set per account and bucket, read and written by one script, on Redis' own clock.
 * Holds numbers only, and nothing that is missed when it is lost: Redis may evict and restart as it likes. A set that nobody asks about
 * expires by itself. Works over the application's own client, which is never closed here; in a cluster, each account lives in one slot.
 */
import { createHash, randomBytes } from "node:crypto";
import { TokenStoreError } from "../errors.js";
import type { RateLimitBucket, RateLimitExchange, RateLimitGrant, RateLimitStore } from "../http/rate-limit.js";
import { ownOptions } from "../option-checks.js";
import { type RedisClient, type RedisCommands, redisCommands, redisScript } from "./redis-client.js";
import { reducingErrors } from "./redis-errors.js";

/** Options of a `RedisRateLimitStore`. */
export interface RedisRateLimitStoreOptions {
  /** A client of ioredis 5 or 6 or of node-redis 5 or 6, alone or of a cluster. Connecting it and closing it are yours. */
  readonly client: RedisClient;
  /**
   * What the keys begin with: 1 to 100 letters, digits, `.`, `_`, `-` or `:`.
   * @default "hubspot-oauth"
   */
  readonly namespace?: string | undefined;
}

/**
 * One member per call: its score is when it began to count, in milliseconds, and in the future as long as it is under way. Four members
 * have scores below zero, out of the way of the calls: `pause`, until when nobody goes; `others`, thousandths of slots that somebody else
 * uses; `from`, since when they come free, evenly, and `over`, in how long. The arithmetic is that of `RollingWindow`.
 */
const EXCHANGE = redisScript(`
local key = KEYS[1]
local span, grace, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local need, spare = tonumber(ARGV[4]), tonumber(ARGV[5])
local answered, unused, refused = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local remaining, age, pause, name = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function call(...) return redis.call(...) end
local function special(member) return -tonumber(call("ZSCORE", key, member) or 0) end
local function longestUnderWay(count)
  if count < 1 then return {} end
  return call("ZRANGEBYSCORE", key, "(" .. now, "+inf", "LIMIT", 0, count)
end

-- What is over; and what lies too far ahead, because the clock was set back.
call("ZREMRANGEBYSCORE", key, 0, now - span - grace)
call("ZREMRANGEBYSCORE", key, now + 2 * grace + 60000, "+inf")
for _, member in ipairs(longestUnderWay(answered)) do call("ZADD", key, now, member) end
for _, member in ipairs(longestUnderWay(unused)) do call("ZREM", key, member) end

local paused = special("pause")
if paused > now + 86400000 then paused = 0 end
if pause > 0 and now + pause > paused then
  paused = now + pause
  call("ZADD", key, -paused, "pause")
end
paused = math.max(paused, now)

local others, from, over = special("others") / 1000, special("from"), special("over")
if now > from then others = others * math.max(0, 1 - (now - from) / math.max(over, 1)) end
local function raiseOthers(level, recovery)
  if level <= others then return end
  others = math.min(level, limit)
  call("ZADD", key, -math.ceil(others * 1000), "others", -paused, "from", -recovery, "over")
end
if refused > 0 then raiseOthers(math.min(others + refused, limit - 1), 4 * span) end
if remaining >= 0 then raiseOthers(limit - remaining - call("ZCOUNT", key, now - span - age, "+inf"), span) end

local free = limit - call("ZCOUNT", key, "(" .. (now - span), "+inf") - math.ceil(others - 0.001)
local granted = 0
if paused == now then
  granted = math.max(0, math.min(need, free))
  granted = granted + math.max(0, math.min(spare, free - granted - math.floor(limit / 2)))
end
for index = 1, granted do call("ZADD", key, now + grace, name .. ":" .. index) end
free = free - granted

local wait = paused - now
if wait == 0 and free < 1 then
  wait = span
  local first = call("ZRANGEBYSCORE", key, "(" .. (now - span), now, "WITHSCORES", "LIMIT", 0, 1)
  if first[2] then wait = math.min(wait, first[2] + span - now) end
  if others > 0 then wait = math.min(wait, span / limit) end
end
call("PEXPIRE", key, paused - now + 5 * span + 2 * grace)
return { granted, math.ceil(wait), paused - now, free }`);

/** Shares the rate limits of all accounts between the processes that use the same Redis and namespace. */
export class RedisRateLimitStore implements RateLimitStore {
  readonly #redis: RedisCommands;
  readonly #namespace: string;
  /** No two grants have members of the same name. */
  readonly #name = randomBytes(6).toString("base64url");
  #grants = 0;

  /** @throws TypeError that names the wrong option. */
  constructor(options: RedisRateLimitStoreOptions) {
    const { client, namespace = "hubspot-oauth" } = ownOptions(options, ["client", "namespace"], "RedisRateLimitStore");
    if (typeof namespace !== "string" || !/^[\w.:-]{1,100}$/.test(namespace)) {
      throw new TypeError('namespace must be 1 to 100 letters, digits, ".", "_", "-" or ":".');
    }
    this.#redis = redisCommands(client);
    this.#namespace = namespace;
  }

  /** One step, one round trip, on the clock of Redis. @throws `TokenStoreError` */
  exchange(key: string, bucket: RateLimitBucket, told: RateLimitExchange): Promise<RateLimitGrant> {
    return reducingErrors("RedisRateLimitStore", "exchange", async () => {
      const numbers = [told.spanMs, told.graceMs, told.limit, told.need, told.spare, told.answered, told.unused, told.refused];
      const args = [...numbers, told.remaining ?? -1, told.remainingAgeMs, told.pauseMs].map((number) => `${Math.ceil(number)}`);
      const name = `${this.#name}${(this.#grants++).toString(36)}`;
      const reply = await this.#redis.evaluate(EXCHANGE, this.#key(key, bucket), ...args, name);
      const [granted, waitMs, pausedMs, free] = Array.isArray(reply) ? reply.map(Number) : [];
      if (granted === undefined || waitMs === undefined || pausedMs === undefined || free === undefined) {
        throw new TokenStoreError("Redis or its client gave an unexpected answer to exchange.", { operation: "exchange" });
      }
      return { granted, waitMs, pausedMs, free };
    });
  }

  /** The account's id is hashed: short, whatever it is made of, and in one slot with its other bucket. */
  #key(key: string, bucket: RateLimitBucket): string {
    return `${this.#namespace}:{${createHash("sha256").update(key).digest("base64url").slice(0, 22)}}:rate-${bucket}`;
  }
}
