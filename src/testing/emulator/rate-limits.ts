/**
 * HubSpot's limits, by the emulator's clock: calls in ten seconds, searches in a second, calls in a day, token requests. Off unless a test
 * sets them, so that a test with a clock that stands still is not limited by surprise.
 */

import type { RateLimitPolicy } from "./rate-limit-answers.js";

/** A limit over a rolling window: so many calls in any stretch of so many milliseconds. */
export interface EmulatorRateLimit {
  /** How many calls. */
  readonly limit: number;
  /** In any stretch of so many milliseconds. */
  readonly intervalMs: number;
}

/** Which limits are in force, each by numbers or as HubSpot publishes it. What is left out is not limited. */
export interface EmulatorLimits {
  /** API calls of an OAuth app with marketplace distribution, per app and account. `"hubspot"`: 110 in ten seconds. */
  readonly marketplace?: EmulatorRateLimit | "hubspot" | undefined;
  /**
   * API calls of a private app token or an app with private distribution, per app and account. `"hubspot"`: in ten seconds 100, or 190 in a
   * professional or enterprise account.
   */
  readonly private?: EmulatorRateLimit | "hubspot" | undefined;
  /** Searches per account, whoever searches. They count nowhere else, and their answers carry no limit headers. `"hubspot"`: 5 in a second. */
  readonly search?: EmulatorRateLimit | "hubspot" | undefined;
  /**
   * Calls a day of an account's private apps together, until midnight of its time zone. `"hubspot"`: 250,000, 625,000 in a professional
   * account, 1,000,000 in an enterprise one.
   */
  readonly daily?: number | "hubspot" | undefined;
  /** Token requests per app. HubSpot publishes no number, so `limits: "hubspot"` has none. */
  readonly token?: EmulatorRateLimit | undefined;
}

/** What an account pays for: the limits of private apps depend on it. */
export type EmulatorTier = "free" | "starter" | "professional" | "enterprise";

/** What a limit needs to know of an account. */
export interface LimitedAccount {
  readonly hubId: number;
  readonly tier: EmulatorTier;
  /** IANA name. */
  readonly timeZone: string;
}

/** A request that a limit may count. */
export type LimitedCall =
  | { readonly kind: "token"; readonly clientId: string }
  | { readonly kind: "search"; readonly account: LimitedAccount }
  | {
      readonly kind: "api";
      readonly account: LimitedAccount;
      /** The app: its client id, or its private token. */
      readonly app: string;
      readonly distribution: "marketplace" | "private";
      /** The daily pair of headers is not sent on OAuth calls. */
      readonly oauth: boolean;
    };

/** What counting a call came to. */
export interface CountedCall {
  /** The limit that refuses it. */
  readonly refusedBy: RateLimitPolicy | undefined;
  /** As HubSpot puts them on its answers, refused or not. */
  readonly headers: Readonly<Record<string, string>>;
}

const TEN_SECONDS_MS = 10_000;
const BURST: Readonly<Record<EmulatorTier, number>> = { free: 100, starter: 100, professional: 190, enterprise: 190 };
const DAY: Readonly<Record<EmulatorTier, number>> = { free: 250_000, starter: 250_000, professional: 625_000, enterprise: 1_000_000 };
const HUBSPOT: EmulatorLimits = { marketplace: "hubspot", private: "hubspot", search: "hubspot", daily: "hubspot" };
const SEARCH: EmulatorRateLimit = { limit: 5, intervalMs: 1_000 };

/** The calls of the last windows. A refused call is not counted. */
export class RateLimits {
  readonly #windows = new Map<string, RollingWindow>();
  readonly #days = new Map<number, { readonly name: string; calls: number }>();

  /** Counts a call that is within its limits. Costs the same whatever was counted before. */
  count(call: LimitedCall, limits: EmulatorLimits | "hubspot" | undefined, nowMs: number): CountedCall {
    const inForce = limits === "hubspot" ? HUBSPOT : (limits ?? {});
    switch (call.kind) {
      case "token":
        return this.#countRolling(`token ${call.clientId}`, inForce.token, nowMs, "TOKEN_ENDPOINT");
      case "search":
        return this.#countRolling(
          `search ${call.account.hubId}`,
          inForce.search === "hubspot" ? SEARCH : inForce.search,
          nowMs,
          "SECONDLY",
        );
      case "api":
        return this.#countApiCall(call, inForce, nowMs);
    }
  }

  #countRolling(key: string, limit: EmulatorRateLimit | undefined, nowMs: number, policy: RateLimitPolicy): CountedCall {
    const window = limit === undefined ? undefined : this.#window(key, limit.intervalMs, nowMs);
    const refused = window !== undefined && window.calls >= (limit?.limit ?? 0);
    if (!refused) window?.add(nowMs);
    return { refusedBy: refused ? policy : undefined, headers: {} };
  }

  #countApiCall(call: Extract<LimitedCall, { kind: "api" }>, limits: EmulatorLimits, nowMs: number): CountedCall {
    const { account, app, distribution, oauth } = call;
    const usual = { limit: distribution === "marketplace" ? 110 : BURST[account.tier], intervalMs: TEN_SECONDS_MS };
    const chosen = limits[distribution];
    const burst = chosen === "hubspot" || chosen === undefined ? usual : chosen;
    const window = chosen === undefined ? undefined : this.#window(`api ${app} ${account.hubId}`, burst.intervalMs, nowMs);
    const perDay = limits.daily === "hubspot" || limits.daily === undefined ? DAY[account.tier] : limits.daily;
    const day = limits.daily === undefined || distribution === "marketplace" ? undefined : this.#day(account, nowMs);

    const refusedBy =
      (window?.calls ?? 0) >= burst.limit ? "TEN_SECONDLY_ROLLING" : (day?.calls ?? 0) >= perDay ? ("DAILY" as const) : undefined;
    if (refusedBy === undefined) {
      window?.add(nowMs);
      if (day !== undefined) day.calls++;
    }
    // Without a limit the headers are generous and constant: as if this were the first call.
    const headers = {
      "x-hubspot-ratelimit-interval-milliseconds": String(burst.intervalMs),
      "x-hubspot-ratelimit-max": String(burst.limit),
      "x-hubspot-ratelimit-remaining": left(burst.limit, window?.calls ?? 1),
    };
    if (oauth) return { refusedBy, headers };
    return {
      refusedBy,
      headers: {
        ...headers,
        "x-hubspot-ratelimit-daily": String(perDay),
        "x-hubspot-ratelimit-daily-remaining": left(perDay, day?.calls ?? 1),
      },
    };
  }

  #window(key: string, intervalMs: number, nowMs: number): RollingWindow {
    let window = this.#windows.get(key);
    if (window === undefined) this.#windows.set(key, (window = new RollingWindow()));
    window.forget(nowMs - intervalMs);
    return window;
  }

  #day({ hubId, timeZone }: LimitedAccount, nowMs: number): { calls: number } {
    const name = calendarDay(timeZone, nowMs);
    let day = this.#days.get(hubId);
    if (day?.name !== name) this.#days.set(hubId, (day = { name, calls: 0 }));
    return day;
  }
}

/** Arrivals, oldest first. Each is written once and read once, so a call costs the same however many there are. */
class RollingWindow {
  #arrivals: number[] = [];
  #first = 0;

  get calls(): number {
    return this.#arrivals.length - this.#first;
  }

  add(atMs: number): void {
    this.#arrivals.push(atMs);
  }

  /** Drops what arrived at `untilMs` or before. */
  forget(untilMs: number): void {
    while ((this.#arrivals[this.#first] ?? Number.POSITIVE_INFINITY) <= untilMs) this.#first++;
    if (this.#first * 2 <= this.#arrivals.length) return;
    this.#arrivals = this.#arrivals.slice(this.#first);
    this.#first = 0;
  }
}

const DAY_FORMATS = new Map<string, Intl.DateTimeFormat>();

/** The date that a calendar in `timeZone` shows. */
function calendarDay(timeZone: string, atMs: number): string {
  let format = DAY_FORMATS.get(timeZone);
  if (format === undefined) DAY_FORMATS.set(timeZone, (format = new Intl.DateTimeFormat("en-CA", { timeZone })));
  return format.format(atMs);
}

function left(limit: number, calls: number): string {
  return String(Math.max(0, limit - calls));
}
