/**
 * Registers the store contracts with a test runner. The runner is passed in, so this works with Vitest, Jest, Mocha and node:test:
 *
 *     import { describe, it } from "vitest";
 *     import { runStoreContract } from "hubspot-oauth/testing";
 *     runStoreContract({ describe, it }, { create: () => new MyStore(emptyTable()) });
 *
 * Nothing is left out in silence: a case that cannot run is registered as skipped, with the reason in its title.
 */
import type { Awaitable, StateStore, TokenStore } from "../../stores/store.js";
import { compareAndSetCases } from "./compare-and-set-cases.js";
import type { ContractCase, ContractContext, ContractNeed } from "./contract-case.js";
import { leaseCases, listCases } from "./lease-and-list-cases.js";
import { recordCases } from "./record-cases.js";
import { stateStoreContract } from "./state-cases.js";

/** The rules of a `TokenStore`. */
export const storeContract: readonly ContractCase<TokenStore>[] = [...recordCases, ...compareAndSetCases, ...leaseCases, ...listCases];

/** The two functions of a test runner. */
export interface ContractRunner {
  /** Groups tests. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** Registers a test; `it.skip` one that is not run. */
  readonly it: {
    (name: string, body: () => Promise<void>): unknown;
    skip(name: string, body: () => Promise<void>): unknown;
  };
}

/** How the contract gets at the store under test. Whatever is left out, the cases that need it are skipped by name. */
export interface ContractSubject<Store> {
  /** A store on an empty backend, or in an empty namespace. Called once for every case. */
  create(): Awaitable<Store>;
  /** Another instance on the same backend and namespace as `store`, as another process would have it. */
  second?(store: Store): Awaitable<Store>;
  /** A store in another, empty namespace of the same backend. */
  createNamespace?(store: Store): Awaitable<Store>;
  /** Makes the backend unreachable. */
  breakBackend?(store: Store): Awaitable<void>;
  /** Makes the backend answer again after `breakBackend`. */
  mend?(store: Store): Awaitable<void>;
  /** Called after each case for every store that was made. */
  destroy?(store: Store): Awaitable<void>;
  /** What the store does not do, and why in a few words: `{ lease: "one process only" }`. */
  readonly lacks?: Readonly<Partial<Record<"compare-and-set" | "lease" | "list", string>>>;
}

/** Registers every rule of a `TokenStore`. */
export function runStoreContract(runner: ContractRunner, subject: ContractSubject<TokenStore>): void {
  register("the contract of a token store", storeContract, runner, subject);
}

/** Registers every rule of a `StateStore`. */
export function runStateStoreContract(runner: ContractRunner, subject: Omit<ContractSubject<StateStore>, "lacks">): void {
  register("the contract of a state store", stateStoreContract, runner, subject);
}

function register<Store>(
  title: string,
  cases: readonly ContractCase<Store>[],
  { describe, it }: ContractRunner,
  subject: ContractSubject<Store>,
): void {
  describe(title, () => {
    for (const rule of cases) {
      const body = (): Promise<void> => runContractCase(rule, subject);
      const reasons = (rule.needs ?? []).map((need) => whyNot(need, subject)).filter((reason) => reason !== undefined);
      if (reasons.length === 0) it(rule.name, body);
      else it.skip(`${rule.name} (skipped: ${reasons.join("; ")})`, body);
    }
  });
}

/** Why a need is not met, or `undefined` when it is. */
function whyNot<Store>(need: ContractNeed, subject: ContractSubject<Store>): string | undefined {
  switch (need) {
    case "second-instance":
      return subject.second === undefined ? "second() was not passed" : undefined;
    case "namespaces":
      return subject.createNamespace === undefined ? "createNamespace() was not passed" : undefined;
    case "outage":
      return subject.breakBackend === undefined || subject.mend === undefined ? "breakBackend() and mend() were not passed" : undefined;
    default: {
      const reason = subject.lacks?.[need];
      return reason === undefined ? undefined : `no ${need}: ${reason}`;
    }
  }
}

/** Runs one case on a store of its own. Rejects when the store breaks the rule. */
export async function runContractCase<Store>(rule: ContractCase<Store>, subject: ContractSubject<Store>): Promise<void> {
  const made: Store[] = [];
  const keep = async (store: Awaitable<Store> | undefined): Promise<Store> => {
    if (store === undefined) throw new TypeError(`"${rule.name}" needs ${rule.needs?.join(", ")}, which was not passed.`);
    made.push(await store);
    return store;
  };
  const store = await keep(subject.create());
  let down = false;
  const context: ContractContext<Store> = {
    store,
    lacks: Object.keys(subject.lacks ?? {}) as ContractNeed[],
    second: () => keep(subject.second?.(store)),
    otherNamespace: () => keep(subject.createNamespace?.(store)),
    breakBackend: async () => {
      down = true;
      await subject.breakBackend?.(store);
    },
    mend: async () => {
      await subject.mend?.(store);
      down = false;
    },
  };
  try {
    await rule.run(context);
  } finally {
    if (down) await context.mend();
    for (const one of made) await subject.destroy?.(one);
  }
}
