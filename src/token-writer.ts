/**
 * Every write to the token store: connect, refresh, mark dead, delete. All compare the version; a lost comparison is settled by reading
 * what won. A refreshed record that the store does not take is kept in memory and written again until it does: HubSpot may have replaced
 * the refresh token, and ours may be the only copy.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AccountRecords, freshVersion } from "./account-records.js";
import { AccountNotConnectedError, ConfigurationError, TokenStoreError } from "./errors.js";
import type { Emit } from "./events.js";
import type { StoredTokens } from "./token-set.js";
import { waitFor } from "./waiting.js";

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
const CLOSE_TRY_MS = 30_000;
/** A record that changes under us this often in a row is not a race but a broken store. */
const MOST_LOST_RACES = 20;

/** A refreshed record on its way into the store. */
interface Passage {
  record: StoredTokens;
  /** What must stand for our write to be right. */
  expectedVersion: string;
  /** The refresh tokens that were sent to HubSpot for it, one after the other. */
  readonly sentRefreshTokens: ReadonlySet<string | undefined>;
  /** Versions of ours that an unclear write may have put there. */
  readonly attempted: Set<string>;
  /** How often this process had connected or disconnected the account when the refresh began. */
  readonly epoch: number;
  timer: NodeJS.Timeout | undefined;
  retries: number;
}

/** Writes the records of one app. */
export class TokenWriter {
  readonly #records: AccountRecords;
  readonly #emit: Emit;
  readonly #pending = new Map<string, Passage>();
  readonly #changes = new Map<string, { readonly count: number; readonly grantId: string | undefined }>();
  readonly #onSettled: (accountId: string, standing: StoredTokens | undefined) => Promise<void>;

  /** @param onSettled told what stands when a pending record reached the store or gave way; `undefined` when the account is gone. */
  constructor(records: AccountRecords, emit: Emit, onSettled: (accountId: string, standing: StoredTokens | undefined) => Promise<void>) {
    this.#records = records;
    this.#emit = emit;
    this.#onSettled = onSettled;
  }

  /** Counts connects and disconnects in this process: a refresh that began before one must not write after it. */
  epoch(accountId: string): number {
    return this.#changes.get(accountId)?.count ?? 0;
  }

  /** Whether this process has connected another grant, or disconnected, since `epoch`. A connect may be counted after its record was read. */
  #isSuperseded(accountId: string, epoch: number, grantId: string): boolean {
    const change = this.#changes.get(accountId);
    return change !== undefined && change.count !== epoch && change.grantId !== grantId;
  }

  /** A refreshed record that the store has not taken yet. */
  pending(accountId: string): StoredTokens | undefined {
    return this.#pending.get(accountId)?.record;
  }

  /** Writes a new connection over whatever stands: the last one wins. Throws when the store fails; nothing is kept in memory then. */
  async connect(
    build: (previous: StoredTokens | undefined) => StoredTokens,
    accountId: string,
  ): Promise<{ readonly record: StoredTokens; readonly reconnected: boolean }> {
    return this.#records.exclusive(accountId, async () => {
      for (let lost = 0; lost < MOST_LOST_RACES; lost++) {
        const previous = await this.#records.read(accountId);
        const record = build(previous);
        if (!(await this.#records.write(accountId, record, previous?.version ?? null))) continue;
        this.#countChange(accountId, record.grantId);
        return { record, reconnected: previous !== undefined };
      }
      throw neverSettles("set");
    });
  }

  /** Deletes the connection that stands now; one that is made meanwhile stays. False when there was none. */
  async remove(accountId: string, grantId: string): Promise<boolean> {
    return this.#records.exclusive(accountId, async () => {
      for (let lost = 0; lost < MOST_LOST_RACES; lost++) {
        const standing = await this.#records.read(accountId);
        if (standing !== undefined && standing.grantId !== grantId) return false;
        if (standing !== undefined && !(await this.#records.delete(accountId, standing.version))) continue;
        this.#countChange(accountId, undefined);
        return standing !== undefined;
      }
      throw neverSettles("delete");
    });
  }

  /** Marks a record dead if it still stands. False when something else does. */
  async markDead(accountId: string, standing: StoredTokens, reason: string, epoch: number): Promise<boolean> {
    const dead: StoredTokens = { ...standing, version: freshVersion(), status: "dead", reason };
    return this.#records.exclusive(
      accountId,
      async () => !this.#isSuperseded(accountId, epoch, standing.grantId) && (await this.#records.write(accountId, dead, standing.version)),
    );
  }

  /**
   * Puts a refreshed record into the store. Answers what stands afterwards: ours, also while it is only pending, or that of whoever won.
   * @throws AccountNotConnectedError when the account was disconnected meanwhile.
   */
  async persist(accountId: string, base: StoredTokens, next: StoredTokens, epoch: number): Promise<StoredTokens> {
    // After a connect or disconnect in this process, what is pending is of another grant and stays.
    const outdated = (): boolean => this.#isSuperseded(accountId, epoch, next.grantId);
    const earlier = outdated() ? undefined : this.#pending.get(accountId);
    const passage: Passage = {
      record: next,
      // On top of a pending record the store still holds what that one was based on.
      expectedVersion: earlier?.expectedVersion ?? base.version,
      sentRefreshTokens: new Set([...(earlier?.sentRefreshTokens ?? []), base.refreshToken]),
      attempted: new Set([...(earlier?.attempted ?? []), next.version]),
      epoch,
      timer: undefined,
      retries: 0,
    };
    if (!outdated()) this.#drop(accountId);
    try {
      return await this.#pass(accountId, passage);
    } catch (error) {
      if (error instanceof AccountNotConnectedError || error instanceof ConfigurationError || outdated()) throw error;
      this.#keep(accountId, passage);
      this.#emit("refresh.persist-pending", { accountId });
      return next;
    }
  }

  /** Tries a pending record once more, now. Rejects with `TokenStoreError` while the store is down. */
  async flush(accountId: string): Promise<void> {
    const passage = this.#pending.get(accountId);
    if (passage === undefined) return;
    let standing: StoredTokens | undefined;
    try {
      standing = await this.#pass(accountId, passage);
    } catch (error) {
      // Gone, or another app's by now: either way it is no longer ours to write.
      if (!(error instanceof AccountNotConnectedError || error instanceof ConfigurationError)) throw error;
    }
    if (this.#pending.get(accountId) !== passage) return;
    this.#drop(accountId);
    await this.#onSettled(accountId, standing);
  }

  /** Tries every pending record a last time, for at most 30 seconds each. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#pending.keys()].map(async (accountId) => {
        const endMs = performance.now() + CLOSE_TRY_MS;
        for (let retry = 0; this.#pending.has(accountId); retry++) {
          const leftMs = endMs - performance.now();
          if (leftMs <= 0) break;
          const trying = this.flush(accountId).catch(() => sleep(Math.min(leftMs, jittered(FIRST_RETRY_MS * 2 ** Math.min(retry, 3)))));
          await waitFor(trying, { ms: leftMs, onTimeout: () => undefined });
        }
        if (this.#pending.has(accountId)) this.#emit("store.failed", { accountId, operation: "set" });
        this.#drop(accountId);
      }),
    );
  }

  /** Writes by compare-and-set; what is done about a lost one is the table in docs/architecture.md. */
  #pass(accountId: string, passage: Passage): Promise<StoredTokens> {
    return this.#records.exclusive(accountId, async () => {
      for (let lost = 0; lost < MOST_LOST_RACES; lost++) {
        const { record } = passage;
        const superseded = (): boolean => this.#isSuperseded(accountId, passage.epoch, record.grantId);
        if (!superseded() && (await this.#records.write(accountId, record, passage.expectedVersion))) return record;
        const standing = await this.#records.read(accountId);
        if (standing?.version === record.version) return record;
        const ours = standing !== undefined && passage.attempted.has(standing.version);
        // Marked dead, say, or refreshed with a token that HubSpot has replaced since. Clocks have no say in it: each process has its own.
        const behind =
          standing?.grantId === record.grantId &&
          passage.sentRefreshTokens.has(standing.refreshToken) &&
          (standing.status === "dead" || standing.refreshToken !== record.refreshToken);
        if (standing === undefined || !(ours || behind) || superseded()) {
          this.#emit("refresh.lost-race", { accountId });
          if (standing === undefined) throw new AccountNotConnectedError(accountId);
          return standing;
        }
        passage.expectedVersion = standing.version;
      }
      throw neverSettles("set");
    });
  }

  #keep(accountId: string, passage: Passage): void {
    this.#pending.set(accountId, passage);
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** passage.retries++, LONGEST_RETRY_MS);
    // The only timer that keeps a process alive: what it waits for may be the last copy of a refresh token.
    passage.timer = setTimeout(() => {
      this.flush(accountId).catch(() => {
        if (this.#pending.get(accountId) === passage) this.#keep(accountId, passage);
      });
    }, jittered(delayMs));
  }

  #drop(accountId: string): void {
    clearTimeout(this.#pending.get(accountId)?.timer);
    this.#pending.delete(accountId);
  }

  #countChange(accountId: string, grantId: string | undefined): void {
    this.#changes.set(accountId, { count: this.epoch(accountId) + 1, grantId });
    this.#drop(accountId);
  }
}

/** Between half and all of a delay, so that processes do not come back together. */
export function jittered(ms: number): number {
  return ms * (0.5 + randomBytes(2).readUInt16BE(0) / 2 ** 17);
}

function neverSettles(operation: string): TokenStoreError {
  return new TokenStoreError(
    `The token store's ${operation} kept answering that something else stands. Does it store "version" as it was given?`,
    { operation },
  );
}
