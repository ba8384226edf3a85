/**
 * What a simulated schedule consists of, as plain data that fast-check draws and shrinks: the circumstances, what people do, and what goes
 * wrong at which point of a refresh. Whoever holds a plan can play it again.
 */
import fc from "fast-check";
import type { Rotation } from "../token-server.js";

/** The points of a refresh where something can go wrong, in the order in which a refresh comes by (reliability: F1 to F14). */
export const FAILPOINTS = {
  F1: "before get",
  F2: "after get",
  F3: "before lease",
  F4: "after lease",
  F5: "after re-read",
  F6: "before the POST",
  F7: "connected, not written",
  F8: "written, no response",
  F9: "response headers",
  F10: "body parsed",
  F11: "before CAS",
  F12: "CAS sent, no reply",
  F13: "after CAS, before release",
  F14: "in release",
} as const;
export type Failpoint = keyof typeof FAILPOINTS;
export const FAILPOINT_NAMES = Object.keys(FAILPOINTS) as Failpoint[];

/**
 * What happens there. `crash`: the process vanishes. `pause`: none of its code runs for `ms`. `slow`: this one step takes ten seconds.
 * `abort`: the callers stop waiting. `cut off`: from here on the store does not answer this process, for `ms`.
 */
export const HARMS = ["crash", "pause", "fail", "slow", "abort", "cut off"] as const;
export interface Harm {
  readonly at: Failpoint;
  /** How many times the point is passed first, by whomever. */
  readonly skip: number;
  readonly does: (typeof HARMS)[number];
  /** Whether what was on its way, at a crash or a failure, is done all the same. */
  readonly lands: boolean;
  readonly ms: number;
}

/** What the token endpoint does with one request instead of answering it. */
export const TROUBLES = [
  "server-error",
  "rate-limited",
  "unreachable",
  "connection-lost",
  "hangs",
  "hangs-after",
  "wrong-secret",
  "strange-refusal",
  "bogus-refusal",
  "odd-answer",
  "other-portal",
] as const;
export type Trouble = (typeof TROUBLES)[number];

/** How the store fails for a while: nothing done and an error, done and an error, nothing done and no answer, done and no answer. */
export const OUTAGES = ["refused", "answer-lost", "hangs", "hangs-after"] as const;
export type OutageKind = (typeof OUTAGES)[number];

/** What somebody does. */
export type Act =
  | { readonly do: "ask"; readonly callers: number; readonly everywhere: boolean }
  | { readonly do: "reject" | "force"; readonly everywhere: boolean }
  | { readonly do: "disconnect" | "uninstall" | "re-encrypt" | "ask for unknown" | "ask and abort" | "crash" }
  | { readonly do: "connect"; readonly withAccess: boolean }
  | { readonly do: "jump"; readonly ms: number }
  | { readonly do: "trouble"; readonly is: Trouble; readonly times: number }
  | { readonly do: "outage"; readonly is: OutageKind; readonly ms: number; readonly calls: number; readonly forAll: boolean };

export interface Step {
  readonly host: number;
  readonly account: number;
  readonly act: Act;
  /** What passes before the next step; without, both happen at once. */
  readonly thenMs: number;
}

export interface Plan {
  readonly rotation: Rotation;
  readonly clients: 1 | 2 | 3;
  /** `leasing` compares as well; `simple` does neither, and is used by one client only. */
  readonly store: "leasing" | "comparing" | "simple";
  readonly cacheMs: readonly number[];
  readonly skewMs: readonly number[];
  /** `expires_in` as the token endpoint sends it. */
  readonly expiresIn: unknown;
  /** Whether the token endpoint leaves a refresh token out that has not changed. */
  readonly silent: boolean;
  /** How long messages take. */
  readonly pace: "instant" | "quick" | "slow";
  /** How much of the first access token's life is over when the first step comes. */
  readonly age: number;
  readonly steps: readonly Step[];
  readonly harms: readonly Harm[];
  /** What the order of events, the versions, the jitter and the delays of messages are drawn from. */
  readonly luck: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 36,
    arbitrary: fc.record({ do: fc.constant("ask" as const), callers: fc.integer({ min: 1, max: 3 }), everywhere: fc.boolean() }),
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constant("reject" as const), everywhere: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("force" as const), everywhere: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("connect" as const), withAccess: fc.boolean() }) },
  { weight: 4, arbitrary: fc.constant({ do: "disconnect" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "uninstall" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "re-encrypt" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "ask for unknown" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "ask and abort" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "crash" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("jump" as const), ms: fc.constantFrom(5 * MINUTE, -5 * MINUTE, 90 * MINUTE, -90 * MINUTE) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant("trouble" as const), is: fc.constantFrom(...TROUBLES), times: fc.constantFrom(1, 1, 2, 4) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("outage" as const),
      is: fc.constantFrom(...OUTAGES),
      ms: fc.constantFrom(SECOND, 4 * SECOND, 20 * SECOND, 50 * SECOND),
      calls: fc.constantFrom(1, 2, 3, 5, 1_000),
      forAll: fc.boolean(),
    }),
  },
);

const step: fc.Arbitrary<Step> = fc.record({
  host: fc.nat(2),
  account: fc.constantFrom(0, 0, 0, 1),
  act,
  thenMs: fc.constantFrom(0, 0, 0, 1, 30, 400, 6 * SECOND, 20 * SECOND, MINUTE, 5 * MINUTE, 26 * MINUTE, 31 * MINUTE),
});

const harm: fc.Arbitrary<Harm> = fc.record({
  at: fc.constantFrom(...FAILPOINT_NAMES),
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  does: fc.constantFrom(...HARMS),
  lands: fc.boolean(),
  ms: fc.constantFrom(31 * SECOND, 36 * SECOND, 50 * SECOND, 70 * SECOND, 12 * SECOND),
});

/** All plans. */
export const plans: fc.Arbitrary<Plan> = fc
  .record({
    rotation: fc.constantFrom<Rotation>("none", "strict", "grace"),
    clients: fc.constantFrom(1, 2, 3),
    store: fc.constantFrom<Plan["store"]>("leasing", "leasing", "leasing", "leasing", "leasing", "leasing", "comparing", "simple"),
    cacheMs: fc.array(fc.constantFrom(60_000, 60_000, 1_000, 0), { minLength: 3, maxLength: 3 }),
    skewMs: fc.array(fc.constantFrom(0, 0, 0, 5 * MINUTE, -5 * MINUTE), { minLength: 3, maxLength: 3 }),
    expiresIn: fc.constantFrom<unknown>(1800, 1800, 1800, "1800", undefined, 60, 10, 9e9),
    silent: fc.boolean(),
    pace: fc.constantFrom<Plan["pace"]>("instant", "quick", "slow"),
    age: fc.constantFrom(1.2, 1.2, 0.98, 0.92, 0.3),
    steps: fc.array(step, { minLength: 1, maxLength: 12, size: "max" }),
    harms: fc.array(harm, { maxLength: 3, size: "max" }),
    luck: fc.nat(),
  })
  .map((drawn) => ({ ...drawn, store: drawn.store === "simple" && drawn.clients > 1 ? "leasing" : drawn.store }));

/** How long an access token lives, as the client understands `expires_in`. */
export function lifeMs({ expiresIn }: Plan): number {
  return Math.min(Number(expiresIn ?? 1800), 86_400) * SECOND;
}

/** A plan in a few lines, for a report. */
export function describePlan(plan: Plan): string {
  const { steps, harms, ...circumstances } = plan;
  return [
    JSON.stringify({ ...circumstances, expiresIn: circumstances.expiresIn ?? "missing" }),
    ...harms.map(
      ({ at, skip, does, lands, ms }) => `harm: ${does} ${at} (${FAILPOINTS[at]}), time ${skip + 1}, ${lands ? "lands" : "lost"}, ${ms} ms`,
    ),
    ...steps.map(
      ({ host, account, act: { do: what, ...rest }, thenMs }) =>
        `step: P${host + 1} ${what} ${account} ${JSON.stringify(rest)} then ${thenMs} ms`,
    ),
  ].join("\n");
}
