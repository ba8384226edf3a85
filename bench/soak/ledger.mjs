// What HubSpot saw, and what it may be held to: which account each request was for, which refresh was due, which grant really ended.
import { createHash } from "node:crypto";

/** How long before its end a token may be replaced, as a share of its life: the library's advisory window. */
const ADVISORY_SHARE = 0.25;
/** An answer that was given so long before a process was killed, or before HubSpot went away, may have been lost. */
const LOST_WITHIN_MS = 5_000;
/** A refusal that is to be believed is acted on within this time, however slow the machine is. */
const TOLD_WITHIN_MS = 60_000;

/** Why a token was replaced. */
export const REASONS = {
  due: "its time was over, or nearly",
  ended: "HubSpot had ended it",
  refused: "a call with it was refused with a 401",
  faulty: "the answer that brought it met a fault",
  lost: "a process was killed, or HubSpot went away, when it was answered",
  needless: "none of these",
};

/** Whether two texts are the same token can be told by these, and no more. */
export function fingerprint(token) {
  return createHash("sha256").update(token).digest("base64url").slice(0, 16);
}

/** Everything of one run. */
export class Ledger {
  /** Requests by route. */
  requests = {};
  faults = {};
  reconnections = 0;
  refreshRequests = 0;
  refreshes = Object.fromEntries(Object.keys(REASONS).map((reason) => [reason, 0]));
  /** By account. */
  refreshesOf = new Map();
  #lifeMs;
  #violate;
  #grantOf;
  /** The token each account has now. */
  #standing = new Map();
  #accountOf = new Map();
  /** When HubSpot last refused a refresh token for good, by account. */
  #refusals = new Map();
  #ends = new Map();
  #met = new Map();
  #lastLossMs = Number.NEGATIVE_INFINITY;
  #current;

  /** `grantOf` finds a grant by a refresh token; `violate` hears of what must not be. */
  constructor({ lifeMs, grantOf, violate }) {
    this.#lifeMs = lifeMs;
    this.#grantOf = grantOf;
    this.#violate = violate;
  }

  /** For `watchRequests`. */
  saw(request) {
    if (request.durationMs === undefined) this.#arrived(request);
    else this.#answered(request);
  }

  /** For `addFaults`. */
  met(request, { kind }) {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    this.#met.set(request.id, kind);
    const standing = this.#standing.get(String(request.hubId));
    if (kind === "unauthorized" && standing !== undefined) standing.refused = true;
  }

  /** For `settings.tokenResponse`: what is issued now answers the request that arrived last. */
  issued(body) {
    const account = String(body.hub_id);
    const nowMs = Date.now();
    const before = this.#standing.get(account);
    if (this.#current.form?.grant_type === "refresh_token") {
      this.refreshes[this.#reasonFor(before, nowMs)]++;
      this.refreshesOf.set(account, (this.refreshesOf.get(account) ?? 0) + 1);
    }
    const token = fingerprint(body.access_token);
    this.#accountOf.set(token, account);
    this.#standing.set(account, { token, issuedAtMs: nowMs, faulty: this.#met.has(this.#current.id), refused: false, ended: false });
    return body;
  }

  /** HubSpot ends the account's access token. */
  endedTokens(account) {
    const standing = this.#standing.get(account);
    if (standing !== undefined) standing.ended = true;
  }

  /** HubSpot ends the grants of an account. */
  endedGrants(account) {
    this.#ends.set(account, (this.#ends.get(account) ?? 0) + 1);
  }

  /** Answers on their way may have been lost. */
  lostAnswers() {
    this.#lastLossMs = Date.now();
  }

  /** The emulator begins anew, and numbers its requests anew. */
  startedAgain() {
    this.#met.clear();
  }

  /** A worker got a token for an account. */
  gotToken(account, token) {
    const owner = this.#accountOf.get(token);
    if (owner !== account) this.#violate("mix-up", `a token of ${owner ?? "nobody"} was handed out for ${account}`);
  }

  /** A worker marked a grant dead: HubSpot must have refused it, and for good. */
  markedDead(account, reason) {
    const refusedAtMs = this.#refusals.get(account) ?? Number.NEGATIVE_INFINITY;
    this.#refusals.delete(account);
    if (Date.now() - refusedAtMs > TOLD_WITHIN_MS)
      this.#violate("wrong dead", `${account} was declared dead (${reason}), and HubSpot had not ended its grant`);
  }

  /** A caller was told to connect an account again. */
  toldToReconnect(account) {
    if (!this.#ends.has(account)) this.#violate("wrong dead", `a caller was told to connect ${account} again, whose grant never ended`);
  }

  get endedGrantsCount() {
    return [...this.#ends.values()].reduce((sum, count) => sum + count, 0);
  }

  #arrived(request) {
    this.#current = request;
    this.requests[request.route] = (this.requests[request.route] ?? 0) + 1;
    if (request.form?.grant_type === "refresh_token") this.refreshRequests++;
    if (request.form?.grant_type === "authorization_code") this.reconnections++;
    const meant = request.headers["x-soak-account"];
    if (meant !== undefined && request.hubId !== undefined && meant !== String(request.hubId)) {
      this.#violate("mix-up", `a call for ${meant} was sent with a token of ${request.hubId} (${request.route})`);
    }
  }

  #answered(request) {
    const faulty = this.#met.delete(request.id);
    if (request.form?.grant_type !== "refresh_token") return;
    const grant = this.#grantOf(request.form.refresh_token);
    const account = String(grant?.hubId);
    if (grant?.revoked === true) {
      if (!this.#ends.has(account)) this.endedGrants(account); // A replaced token was sent again: that ends a grant too.
      this.#refusals.set(account, Date.now());
    } else if (request.status === 400 && !faulty) {
      this.#violate("wrong dead", `a refresh of ${account} was sent with a token that HubSpot never gave`);
    }
  }

  #reasonFor(before, nowMs) {
    if (before === undefined || before.faulty) return "faulty";
    if (before.ended) return "ended";
    if (nowMs - before.issuedAtMs >= this.#lifeMs * (1 - ADVISORY_SHARE)) return "due";
    if (before.refused) return "refused";
    if (this.#lastLossMs >= before.issuedAtMs && this.#lastLossMs - before.issuedAtMs < LOST_WITHIN_MS) return "lost";
    return "needless";
  }
}
