/**
 * What must hold in every simulated schedule (reliability 3.6, as design 5 changes it): each invariant names what is wrong with a run, and
 * nothing is when it holds. Judged from the server's log, the store's history and the calls, never from what the client says of itself.
 */
import { refreshWindows } from "../../../src/token-set.js";
import type { Call } from "./history.js";
import { RECOVERY_MS, type Run } from "./schedule.js";
import { isForgotten, spenderOf, whyLost } from "./unrecoverable.js";

export const INVARIANTS = {
  "I1 without faults a refresh token is sent once for each version of its record": (run) =>
    run.plan.store === "leasing" && isUndisturbed(run)
      ? repeated(run.history.posts.filter(({ outcome }) => outcome !== "refused").flatMap(({ basedOn }) => basedOn ?? [])).map(
          (version) => `version ${version} was refreshed twice`,
        )
      : [],

  "I2 no grant is lost to a second use of a refresh token, but by U1 and U2": ({ plan, history, grants }) =>
    plan.store === "leasing"
      ? grants
          .filter((grant) => grant.endedBy === "reuse" && whyLost(history, grant) === undefined)
          .map(({ number }) => `grant ${number} was revoked`)
      : [],

  "I3 a version is written once": (run) =>
    isReliable(run)
      ? repeated(run.history.writes.flatMap(({ after }) => after?.version ?? [])).map((version) => `${version} came twice`)
      : [],

  "I3 the two tokens of a record come from one answer": ({ history }) =>
    history.writes
      .filter(({ after }) => after?.accessToken !== undefined && !history.issued.has(`${after.accessToken} ${after.refreshToken}`))
      .map(({ after }) => `${after?.accessToken} with ${after?.refreshToken}`),

  "I4 when nothing fails any more, a new process has a token within 50 seconds": ({ recoveries, history, grants }) =>
    recoveries
      .filter(({ accountId, result, standing = [], tookMs = Infinity }) => {
        if (typeof result === "string") return tookMs > RECOVERY_MS;
        const name = (result as Error | undefined)?.name;
        // Disconnected, perhaps for a moment only.
        if (name === "AccountNotConnectedError")
          return !history.writes.some((write) => write.accountId === accountId && write.after === undefined);
        // Lost for good, which I2 and I5 judge.
        const lost = standing.some((record) => wasRefused(history, record?.refreshToken) || isEnded(grants, record?.refreshToken));
        return !(name === "ReauthorizationRequiredError" && lost);
      })
      .map(({ accountId, result, tookMs }) => `${accountId}: ${String(result)} after ${tookMs} ms`),

  "I5 a grant is marked dead only when HubSpot refused the refresh token that stands": ({ history }) =>
    history.writes
      .filter(({ after }) => after?.status === "dead")
      .filter(
        ({ at, before, after }) => before?.refreshToken !== after?.refreshToken || !wasRefused(history, after?.refreshToken, at.order),
      )
      .map(({ at, after }) => `at ${at.atMs} ${after?.refreshToken} was marked`),

  "I5 no grant is dead that HubSpot honours": ({ history, settled }) => [
    ...history.writes
      .filter(({ after, honoured }) => after?.status === "dead" && honoured && !wasBogus(history, after.refreshToken))
      .map(({ at, after }) => `at ${at.atMs} ${after?.refreshToken} was marked`),
    ...settled
      .filter(({ record, grant }) => record.status === "dead" && grant?.endedBy === undefined && !wasBogus(history, record.refreshToken))
      .map(({ record }) => `${record.refreshToken} stayed dead`),
  ],

  "I6 when a token has expired, one refresh serves all who ask": ({ plan, lastRounds }) =>
    lastRounds.flatMap(({ accountId, callers, answers, posts }) => [
      ...(answers.length === callers ? [] : [`${accountId}: ${answers.length} of ${callers} were answered`]),
      ...answers.filter((answer) => typeof answer !== "string").map((answer) => `${accountId}: ${String(answer)}`),
      ...(plan.store === "leasing" && posts.length !== 1 ? [`${accountId}: ${posts.length} requests`] : []),
    ]),

  "I7 who says that a token was refused gets one of a newer version, or an error that is about something else": ({ history }) =>
    history.calls
      .filter(({ rejectedToken, value, error }) => {
        if (rejectedToken === undefined) return false;
        if (/that its API had just refused/.test(error?.message ?? "")) return true;
        if (typeof value !== "string") return false;
        return value === rejectedToken || (storedAt(history, value) ?? Infinity) < (storedAt(history, rejectedToken) ?? 0);
      })
      .map(
        ({ by, started, rejectedToken, value }) =>
          `${by} said at ${started.atMs} that ${rejectedToken} was refused, and got ${String(value)}`,
      ),

  "I8 nobody gets or stores the tokens of another account": ({ history }) => [
    ...history.calls
      .filter(({ accountId, value }) => typeof value === "string" && !value.startsWith(`at-${accountId}-`))
      .map(({ accountId, value }) => `${accountId} got ${String(value)}`),
    ...history.writes
      .filter(({ accountId, after }) => [after?.accessToken, after?.refreshToken].some((token) => token && accountOf(token) !== accountId))
      .map(({ accountId, after }) => `${accountId} holds ${after?.accessToken} and ${after?.refreshToken}`),
  ],

  "I9 no grant comes back once another has replaced it or the account was disconnected": (run) =>
    isReliable(run)
      ? run.history.writes
          .filter(
            ({ accountId, before, after }, index) =>
              after !== undefined &&
              before?.grantId !== after.grantId &&
              run.history.writes
                .slice(0, index)
                .some((earlier) => earlier.accountId === accountId && earlier.after?.grantId === after.grantId),
          )
          .map(({ at, by, after }) => `at ${at.atMs} ${by} brought ${after?.refreshToken} back`)
      : [],

  "I9 a record never gives way to an older one of the same grant": (run) =>
    isReliable(run)
      ? run.history.writes
          .filter(({ before, after }) => after?.grantId === before?.grantId && orderOf(after?.refreshToken) < orderOf(before?.refreshToken))
          .map(({ at, by, before, after }) => `at ${at.atMs} ${by} wrote ${after?.refreshToken} over ${before?.refreshToken}`)
      : [],

  "I10 close() ends, and leaves no timer and no unhandled rejection": ({ running, closed, timersLeft, unhandled, endless }) => [
    ...(closed === running || endless ? [] : [`${closed} of ${running} closed`]),
    ...(timersLeft === 0 || endless ? [] : [`${timersLeft} timers left`]),
    ...unhandled.map((reason) => `unhandled: ${String(reason)}`),
  ],

  "R5 nobody has a token of a refresh before the store has it, unless it is announced as pending": ({ history, clients }) =>
    history.calls
      .filter(({ by, value, ended }) => {
        if (typeof value !== "string" || !isRefreshed(value)) return false;
        if (clients.find(({ name }) => name === by)?.events.some(({ type }) => type === "refresh.persist-pending")) return false;
        return !history.writes.some(({ at, after }) => after?.accessToken === value && at.order < (ended?.order ?? 0));
      })
      .map(({ by, value }) => `${by} handed out ${String(value)}`),

  "R7 the newest refresh token reaches the store, unless nobody has it any more": ({ history, settled }) =>
    settled
      .filter(({ record, grant }) => {
        if (record.status === "dead" || grant?.endedBy !== undefined || grant?.refreshToken === record.refreshToken) return false;
        const spender = spenderOf(history, record.refreshToken);
        return spender === undefined || !isForgotten(history, spender, undefined);
      })
      .map(({ record, grant }) => `the store holds ${record.refreshToken}, HubSpot honours ${grant?.refreshToken}`),

  "R9 a refresh that fails takes no living token away": (run) =>
    run.history.calls
      .filter((call) => lostLivingToken(run, call))
      .map(({ by, started, error }) => `${by} asked at ${started.atMs}: ${error?.name}`),

  "every call of a process that lives ends, within two flights": ({ history, clients, endless }) => [
    ...(endless === undefined ? [] : [String(endless)]),
    ...history.calls
      .filter(({ by, started, ended }) => {
        const host = clients.find(({ name }) => name === by)?.host;
        if (endless !== undefined || host === undefined || host.isGone) return false;
        return ended === undefined || ended.atMs - started.atMs > LONGEST_CALL_MS + host.stoppedForMs;
      })
      .map(({ by, what, accountId, started, ended }) => `${by} ${what} ${accountId} from ${started.atMs} to ${ended?.atMs}`),
  ],

  "every error is one that the application can act on, and the store's only when the store failed": ({ history }) =>
    history.calls
      .filter(({ error }) => {
        if (error === undefined || error.name === "AbortError") return false;
        if (error.name === "TokenStoreError") return history.storeFaults === 0;
        if (error.name === "NetworkError" || error.name === "MalformedResponseError") return history.requestFaults === 0;
        return !EXPECTED_ERRORS.has(error.name);
      })
      .map(({ by, what, accountId, error }) => `${by} ${what} ${accountId}: ${error?.stack}`),
} satisfies Record<string, (run: Run) => readonly string[]>;

export type Invariant = keyof typeof INVARIANTS;
export const INVARIANT_NAMES = Object.keys(INVARIANTS) as Invariant[];

/** A forced call may wait for a flight that began before it, and then for its own; a flight gives up after a minute. */
const LONGEST_CALL_MS = 2 * 60_000 + 15_000;

const EXPECTED_ERRORS = new Set([
  "AccountNotConnectedError",
  "ConfigurationError",
  "RateLimitError",
  "ReauthorizationRequiredError",
  "TimeoutError",
  "TokenRequestError",
]);

/** Nothing failed, was late or was stopped, and all clocks agreed. */
function isUndisturbed({ plan, history, done }: Run): boolean {
  const { storeFaults, requestFaults, clockJumps, crashes } = history;
  return done.length + storeFaults + requestFaults + clockJumps + crashes.size === 0 && plan.skewMs.every((skew) => skew === 0);
}

/** A store that does not compare promises nothing about writes that it failed. */
function isReliable({ plan, history, done }: Run): boolean {
  return plan.store !== "simple" || history.storeFaults + history.crashes.size + done.length === 0;
}

/** Whether HubSpot had refused a refresh token. */
function wasRefused({ posts }: Run["history"], refreshToken: string | undefined, beforeOrder = Infinity): boolean {
  return posts.some(
    (post) =>
      post.refreshToken === refreshToken &&
      (post.outcome === "refused" || post.outcome === "reused") &&
      (post.processed?.order ?? Infinity) < beforeOrder,
  );
}

/** Whether the grant that a token is of has ended. */
function isEnded(grants: Run["grants"], token: string | undefined): boolean {
  return grants.some(({ number, endedBy }) => endedBy !== undefined && String(number) === token?.split("-")[2]);
}

/** Whether HubSpot had refused it by mistake. */
function wasBogus({ posts }: Run["history"], refreshToken: string | undefined): boolean {
  return posts.some((post) => post.refreshToken === refreshToken && post.isBogus === true);
}

/** A call that failed although the same living token stood in a store that works, from its beginning to its end. */
function lostLivingToken({ history, clients }: Run, call: Call): boolean {
  const { by, what, rejectedToken, standingBefore: before, standingAfter: after, error } = call;
  if (what !== "asks" || rejectedToken !== undefined || error === undefined || before === undefined) return false;
  if (before.version !== after?.version || before.status === "dead" || before.accessToken === undefined) return false;
  if (!TRANSIENT_ERRORS.has(error.name) || history.storeFaults > 0 || history.clockJumps > 0) return false;
  // Who joins the refresh of somebody whose token was refused, or who forces one, shares its failure.
  const joined = history.calls.some((other) => other.by === by && other.what !== "asks" && overlap(other, call));
  if (joined) return false;
  // A refresh that began with another record does not know of the one that has been connected since.
  const last = history.posts.findLast((post) => post.by === by && post.accountId === call.accountId && post.sent.order < endOf(call));
  if (last !== undefined && last.basedOn !== before.version) return false;
  const isStopped = (clients.find(({ name }) => name === by)?.host.stoppedForMs ?? 0) > 0;
  return !isStopped && (call.endedAtWallMs ?? Infinity) < refreshWindows(before).expiresAtMs;
}

function overlap(one: Call, other: Call): boolean {
  return one.accountId === other.accountId && endOf(one) > other.started.order && endOf(other) > one.started.order;
}

function endOf({ ended }: Call): number {
  return ended?.order ?? Infinity;
}

const TRANSIENT_ERRORS = new Set([
  "ConfigurationError",
  "MalformedResponseError",
  "NetworkError",
  "RateLimitError",
  "TimeoutError",
  "TokenRequestError",
  "TokenStoreError",
]);

/** Tokens are named `at-<account>-<grant>-<number>`; grants and numbers grow. */
function accountOf(token: string): string | undefined {
  return token.split("-")[1];
}

function orderOf(token: string | undefined): number {
  return Number(token?.split("-")[3] ?? -1);
}

/** When the store first had an access token; one that stayed in memory never stood there. */
function storedAt({ writes }: Run["history"], token: string): number | undefined {
  return writes.find(({ after }) => after?.accessToken === token)?.at.order;
}

function isRefreshed(token: string): boolean {
  return orderOf(token) > 0;
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}
