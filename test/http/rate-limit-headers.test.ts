/** What HubSpot's headers change: the limit of one account, and what others leave of it. */
import { describe, expect, it } from "vitest";
import { RateLimiter, type RateLimitBucket, type RateLimitOptions } from "../../src/http/rate-limit.js";

type Headers = Record<string, string | readonly string[]>;

/** HubSpot's names for short ones. */
function headers({ max, interval, remaining, secondly }: Record<string, string | readonly string[]>): Headers {
  const named: Headers = {};
  if (max !== undefined) named["x-hubspot-ratelimit-max"] = max;
  if (interval !== undefined) named["x-hubspot-ratelimit-interval-milliseconds"] = interval;
  if (remaining !== undefined) named["x-hubspot-ratelimit-remaining"] = remaining;
  if (secondly !== undefined) named["x-hubspot-ratelimit-secondly"] = secondly;
  return named;
}

class World {
  nowMs = 50_000;
  readonly limiter: RateLimiter;

  constructor(options: RateLimitOptions = {}) {
    this.limiter = new RateLimiter(options, { now: () => this.nowMs });
  }

  /** One call and its answer, if it may go. */
  call(
    answer: Headers = {},
    { key = "a", bucket = "api", latencyMs = 0 }: { key?: string; bucket?: RateLimitBucket; latencyMs?: number } = {},
  ): boolean {
    if (!this.limiter.tryTake(key, bucket)) return false;
    const sentMs = this.nowMs;
    this.nowMs += latencyMs;
    this.limiter.observe(key, bucket, answer, sentMs);
    return true;
  }

  /** How many more may go now. */
  room(key = "a", bucket: RateLimitBucket = "api"): number {
    for (let count = 0; count < 500; count++) if (!this.call({}, { key, bucket })) return count;
    return 500;
  }
}

describe("the limit", () => {
  it.each([
    ["190", 190],
    ["100", 100],
    ["1", 1],
  ])("of an account is what its answers say (%s)", (max, limit) => {
    const world = new World();
    expect(world.call(headers({ max, interval: "10000" }))).toBe(true);
    expect(world.room()).toBe(limit - 1);
    expect(world.room("another account")).toBe(110);
  });

  it("has the interval that the answers say, for calls before as well", () => {
    const world = new World();
    for (let call = 0; call < 20; call++) world.call(headers({ max: "20", interval: "1000" }));
    expect(world.room()).toBe(0);
    world.nowMs += 1_006;
    expect(world.room()).toBe(20);
  });

  it("that was raised lets those go who wait", async () => {
    const world = new World({ maxQueue: 10 });
    expect(world.call(headers({ max: "1" }))).toBe(true);
    const waiting = world.limiter.wait("a", "api");
    world.limiter.observe("a", "api", headers({ max: "5" }));
    await expect(waiting).resolves.toBeUndefined();
    void world.limiter.close();
  });

  it.each([
    { max: "0", interval: "10000" },
    { max: "-5", interval: "10000" },
    { max: "1e3", interval: "10000" },
    { max: "99999999999", interval: "10000" },
    { max: "NaN", interval: "10000" },
    { max: "", interval: "10000" },
    { max: ["5", "6"], interval: "10000" },
    { max: " 5", interval: "10000" },
    { interval: "5" },
    { remaining: "-1" },
    { remaining: "a" },
  ])("is not touched by %o", (absurd) => {
    const world = new World();
    expect(world.call(headers(absurd as Headers))).toBe(true);
    expect(world.room()).toBe(109);
  });

  it.each(["0", "1", "99999999", "-10000", "ten"])("keeps its own interval when the header says %s", (interval) => {
    const world = new World();
    expect(world.call(headers({ max: "2", interval }))).toBe(true);
    expect(world.room()).toBe(1);
    world.nowMs += 10_000;
    expect(world.room()).toBe(0);
    world.nowMs += 60;
    expect(world.room()).toBe(2);
  });

  it("stays as it was said when later answers say nothing, or nonsense", () => {
    const world = new World();
    world.call(headers({ max: "20", interval: "1000" }));
    world.call();
    world.call(headers({ max: "none", interval: "0" }));
    expect(world.room()).toBe(17);
    world.nowMs += 1_006;
    expect(world.room()).toBe(20);
  });

  it("that the user set is a ceiling: headers lower it, and never raise it", () => {
    const world = new World({ limit: 50 });
    expect(world.call(headers({ max: "190", interval: "10000" }))).toBe(true);
    expect(world.room()).toBe(49);
    const stricter = new World({ limit: 20, intervalMs: 1_000 });
    expect(stricter.call(headers({ max: "110", interval: "10000" }))).toBe(true);
    expect(stricter.room()).toBe(109);
    expect(stricter.room()).toBe(0);
  });
});

describe("searches", () => {
  it("keep their limit whatever the headers say of the other bucket", () => {
    const world = new World();
    expect(world.call(headers({ max: "190", interval: "10000", remaining: "0" }), { bucket: "search" })).toBe(true);
    expect(world.room("a", "search")).toBe(4);
    expect(world.room()).toBe(110);
  });

  it.each([
    [{ max: "3", interval: "1000" }, 3],
    [{ max: "30", interval: "1000" }, 5],
    [{ max: "20", interval: "10000" }, 5],
    [{ secondly: "2" }, 2],
    [{ secondly: "10" }, 5],
    [{ secondly: "0" }, 5],
  ])("obey %o as %i per second", (answer, limit) => {
    const world = new World();
    expect(world.call(headers(answer), { bucket: "search" })).toBe(true);
    expect(world.room("a", "search")).toBe(limit - 1);
  });

  it("alone heed the deprecated limit per second", () => {
    const world = new World();
    expect(world.call(headers({ max: "110", secondly: "10" }))).toBe(true);
    expect(world.room()).toBe(109);
  });
});

describe("what is left", () => {
  it("says how much others use of the same limit; their part comes free evenly over an interval", () => {
    const world = new World();
    expect(world.call(headers({ max: "110", interval: "10000", remaining: "30" }))).toBe(true);
    expect(world.room()).toBe(30);
    world.nowMs += 10_051 / 2;
    // Half of the 79 others'; our own 31 still count.
    expect(world.room()).toBe(39);
    world.nowMs += 10_051 / 2;
    expect(world.room()).toBe(71);
  });

  it("of nothing stops the account until a part of an interval is over", () => {
    const world = new World();
    expect(world.call(headers({ max: "110", interval: "10000", remaining: "0" }))).toBe(true);
    expect(world.room()).toBe(0);
    world.nowMs += 10_051 / 109 - 1;
    expect(world.room()).toBe(0);
    world.nowMs += 2;
    expect(world.room()).toBe(1);
  });

  it("of more than we think changes nothing: our calls are still on their way", () => {
    const world = new World();
    for (let call = 0; call < 100; call++) world.call(headers({ max: "110", interval: "10000", remaining: "109" }));
    expect(world.room()).toBe(10);
  });

  it("counts our own calls as ours, however old they may be at HubSpot", () => {
    const world = new World({ limit: 10, intervalMs: 1_000 });
    for (let call = 0; call < 9; call++) expect(world.call()).toBe(true);
    world.nowMs += 1_000;
    // Sent while HubSpot still counted the nine, answered when we count none of them any more.
    expect(world.call(headers({ max: "10", interval: "1000", remaining: "0" }), { latencyMs: 300 })).toBe(true);
    expect(world.room()).toBe(9);
  });

  it("is old news when the answer took too long, and no news of another interval", () => {
    const slow = new World();
    expect(slow.call(headers({ max: "110", remaining: "0" }), { latencyMs: 5_000 })).toBe(true);
    expect(slow.room()).toBe(109);
    const other = new World({ limit: 20, intervalMs: 1_000 });
    const lax = new World({ limit: 1, intervalMs: 1_000 });
    expect(lax.call(headers({ max: "110", interval: "10000", remaining: "0" }))).toBe(true);
    lax.nowMs += 1_006;
    expect(lax.room()).toBe(1);
    expect(other.call(headers({ remaining: "5" }))).toBe(true);
    expect(other.room()).toBe(5);
  });
});
