/**
 * A store contract as data: cases that anybody can register with a test runner of theirs. A case throws (`node:assert`) when the store
 * breaks its rule; it imports no test framework and sleeps no fixed time.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { Awaitable } from "../../stores/store.js";

/** What a case needs beyond the bare store: something the store can do, or something its test set-up provides. */
export type ContractNeed = "compare-and-set" | "lease" | "list" | "second-instance" | "namespaces" | "outage";

/** What a case works with: a store on an empty backend, made for this case alone. */
export interface ContractContext<Store> {
  /** The store under test. */
  readonly store: Store;
  /** What the store is said not to do. */
  readonly lacks: readonly ContractNeed[];
  /** Another instance on the same backend, as another process would have it. */
  readonly second: () => Promise<Store>;
  /** A store in another namespace of the same backend. */
  readonly otherNamespace: () => Promise<Store>;
  /** From now on the backend does not answer. */
  readonly breakBackend: () => Promise<void>;
  /** The backend answers again. */
  readonly mend: () => Promise<void>;
}

/** One rule of a contract. */
export interface ContractCase<Store> {
  /** The rule, in the present tense. */
  readonly name: string;
  /** Without these the case is skipped. Absent: none. */
  readonly needs?: readonly ContractNeed[];
  /** Rejects when the store breaks the rule. */
  run(context: ContractContext<Store>): Promise<void>;
}

/** Asserts that a call fails. A store may throw at once or reject later; answering anything is what it must not do. */
export async function assertFails(call: () => unknown, what: string): Promise<void> {
  let answer: unknown;
  try {
    answer = await call();
  } catch {
    return;
  }
  assert.fail(`${what} answered ${String(answer)} while the backend is down; it must reject`);
}

/** Runs all at once and answers how many said `true`. */
export async function countTrue(calls: readonly (() => Awaitable<unknown>)[]): Promise<number> {
  const answers = await Promise.all(calls.map(async (call) => call()));
  return answers.filter((answer) => answer === true).length;
}

const LONGEST_WAIT_MS = 10_000;

/** Asks until there is an answer, and says after how many milliseconds it came. Starts the clock before `begin`. */
export async function timeUntil<T>(begin: () => Awaitable<unknown>, ask: () => Awaitable<T | undefined>): Promise<[answer: T, ms: number]> {
  const startMs = performance.now();
  await begin();
  for (;;) {
    const answer = await ask();
    const ms = performance.now() - startMs;
    if (answer !== undefined) return [answer, ms];
    assert.ok(ms < LONGEST_WAIT_MS, `still not over after ${LONGEST_WAIT_MS} ms`);
    await delay(10);
  }
}
