/**
 * What an emulator remembers: apps, accounts with their records, codes, grants, tokens, webhooks, switches and the clock. Saved as plain data,
 * put back, and taken back to its beginning. The log, faults and counted calls are not memory.
 */

import { restoreCrm, snapshotCrm } from "./crm-snapshot.js";
import { createAccounts, createApps, type EmulatorAccount, type EmulatorApp } from "./directory.js";
import type { EmulatorAccountOptions } from "./directory-options.js";
import type { EmulatorOptions } from "./emulator-options.js";
import { type EmulatorSettings, resolveSettings } from "./emulator-settings.js";
import { assertSnapshot, type EmulatorSnapshot } from "./emulator-snapshot.js";
import { Randomness } from "./randomness.js";
import { EmulatorState } from "./state.js";

/** One emulator's memory. */
export class EmulatorMemory {
  readonly random: Randomness;
  readonly settings: EmulatorSettings;
  readonly state: EmulatorState;
  /** Stay the same objects through `restore()` and `reset()`. */
  readonly apps: (EmulatorApp & { readonly redirectUris: string[] })[];
  /** As `apps`; their records are new objects then. */
  readonly accounts: { -readonly [Key in keyof EmulatorAccount]: EmulatorAccount[Key] }[];
  readonly #startAgain: () => void;

  /** Throws a `TypeError` that names a wrong option. */
  constructor(options: EmulatorOptions) {
    const { app, apps, accounts, snapshot, now = Date.now } = options;
    if (app !== undefined && apps !== undefined) throw new TypeError("Give app or apps, not both");
    if (snapshot !== undefined && (app ?? apps ?? accounts) !== undefined) {
      throw new TypeError("Give snapshot, or apps and accounts, not both");
    }
    if (snapshot !== undefined) assertSnapshot(snapshot);
    this.random = new Randomness(options.seed);
    this.settings = resolveSettings({ ...snapshot?.settings, ...options });
    this.apps = createApps(snapshot?.apps ?? apps ?? [app ?? {}], this.random);
    const startMs = now();
    this.accounts = snapshot === undefined ? createAccounts(accounts, this.random, startMs) : accountsOf(snapshot);
    this.state = new EmulatorState(now, this.random, this.settings, this.apps, this.accounts);
    if (snapshot !== undefined) this.#loadTokens(snapshot);
    this.#startAgain = this.#beginning(snapshot, accounts ?? [], startMs);
  }

  /** Everything, as plain data of its own. */
  snapshot(): EmulatorSnapshot {
    const snapshot: EmulatorSnapshot = {
      format: 1,
      nowMs: this.state.now(),
      drawn: this.random.drawn,
      settings: this.settings,
      apps: this.apps,
      accounts: this.accounts.map((account) => ({ ...account, crm: snapshotCrm(account.crm) })),
      tokens: this.state.save(),
      webhooks: this.state.webhooks.entries(),
    };
    return copyOf(snapshot);
  }

  /** Back to a snapshot, its time and switches too. Throws a `TypeError` for what is none. */
  restore(snapshot: EmulatorSnapshot): void {
    assertSnapshot(snapshot);
    const accounts = accountsOf(snapshot);
    replace(this.apps, createApps(snapshot.apps, this.random));
    replace(this.accounts, accounts);
    const { tokenResponse } = this.settings;
    Object.assign(this.settings, resolveSettings(snapshot.settings), { tokenResponse });
    this.#loadTokens(snapshot);
  }

  /** Back to the moment after construction. */
  reset(): void {
    this.#startAgain();
  }

  #loadTokens(snapshot: EmulatorSnapshot): void {
    const { tokens, webhooks, nowMs, drawn } = copyOf({ ...snapshot, apps: [], accounts: [] });
    this.state.load(tokens, nowMs);
    this.state.webhooks.restore(webhooks);
    this.random.drawn = drawn;
  }

  /** Keeps what a later `reset()` needs: a recipe, not a copy of all records. */
  #beginning(snapshot: EmulatorSnapshot | undefined, accounts: readonly EmulatorAccountOptions[], startMs: number): () => void {
    const settings = { ...this.settings };
    if (snapshot !== undefined) {
      const kept = copyOf(snapshot);
      return () => {
        this.restore(kept);
        Object.assign(this.settings, settings);
      };
    }
    const { drawn } = this.random;
    const apps = copyOf(this.apps);
    // With every default filled in, nothing is drawn anew.
    const recipes = this.accounts.map((account, index) => ({ ...accounts[index], ...copyOf({ ...account, crm: undefined }) }));
    return () => {
      replace(this.apps, createApps(apps, this.random));
      replace(this.accounts, createAccounts(recipes, this.random, startMs));
      Object.assign(this.settings, settings);
      this.state.load({ codes: [], grants: [], accessTokens: [] });
      this.state.webhooks.restore([]);
      this.random.drawn = drawn;
    };
  }
}

function accountsOf(snapshot: EmulatorSnapshot): EmulatorAccount[] {
  return snapshot.accounts.map(({ crm, ...details }) => ({ ...copyOf(details), crm: restoreCrm(details.hubId, copyOf(crm)) }));
}

function copyOf<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

/** Gives the objects of a list the content of others, in place, so that whoever holds one sees the new. */
function replace<Item extends object>(list: Item[], items: readonly Item[]): void {
  items.forEach((item, index) => {
    const held = list[index];
    if (held === undefined) list.push(item);
    else Object.assign(held, item);
  });
  list.length = items.length;
}
