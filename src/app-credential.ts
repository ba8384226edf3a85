/**
 * The app itself as a credential (RFC 6749 section 4.4): for HubSpot's app-level APIs, such as the webhooks journal. Nothing is stored, since
 * any process can have a token of its own; one request at a time gets it, and it is renewed ahead of its end.
 */
import type { Authorization, AuthorizeOptions, Credential, HttpRuntime } from "./credentials.js";
import type { TokenSet } from "./token-set.js";
import { jittered } from "./token-writer.js";
import { waitFor } from "./waiting.js";

/** A token in use, with its times on the client's clock. */
interface InUse {
  readonly authorization: Authorization;
  readonly obtainedAtMs: number;
  /** From here on it is renewed while it is still used. */
  readonly renewAtMs: number;
  /** From here on it is not used any more. */
  readonly endsAtMs: number;
}

const LONGEST_BACKOFF_MS = 30_000;

/** Made by `oauth.clientCredentials(scopes)`, one per set of scopes. */
export class AppCredential implements Credential {
  readonly id: string;
  readonly runtime: HttpRuntime;
  readonly #request: () => Promise<TokenSet>;
  readonly #now: () => number;
  #inUse: InUse | undefined;
  #flight: Promise<Authorization> | undefined;
  #failures = 0;
  #failed: { readonly error: Error; readonly untilMs: number } | undefined;

  constructor(id: string, runtime: HttpRuntime, now: () => number, request: () => Promise<TokenSet>) {
    this.id = id;
    this.runtime = runtime;
    this.#now = now;
    this.#request = request;
  }

  authorize(options?: AuthorizeOptions): Authorization | Promise<Authorization> {
    const nowMs = this.#now();
    const inUse = this.#inUse;
    // Before it was obtained: the clock has jumped, and nothing is known of its age.
    if (inUse !== undefined && inUse.authorization !== options?.rejected && nowMs < inUse.endsAtMs && nowMs >= inUse.obtainedAtMs) {
      // Whoever waits for the next one gets its error; this one is still good.
      if (nowMs >= inUse.renewAtMs) this.#renew(nowMs).catch(() => undefined);
      return inUse.authorization;
    }
    return waitFor(this.#renew(nowMs), { signal: options?.signal });
  }

  #renew(nowMs: number): Promise<Authorization> {
    if (this.#flight !== undefined) return this.#flight;
    const failed = this.#failed;
    if (failed !== undefined && nowMs < failed.untilMs && failed.untilMs - nowMs <= LONGEST_BACKOFF_MS) {
      return Promise.reject(failed.error);
    }
    this.#flight = this.#fetch().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #fetch(): Promise<Authorization> {
    try {
      const { accessToken, expiresInMs, obtainedAtMs } = await this.#request();
      this.#failures = 0;
      this.#failed = undefined;
      const authorization: Authorization = Object.freeze({ headers: Object.freeze({ authorization: `Bearer ${accessToken}` }) });
      const endsAtMs = obtainedAtMs + expiresInMs;
      this.#inUse = {
        authorization,
        obtainedAtMs,
        renewAtMs: endsAtMs - Math.min(300_000, expiresInMs / 4),
        endsAtMs: endsAtMs - Math.min(60_000, expiresInMs / 20),
      };
      return authorization;
    } catch (error) {
      // The first failure may be tried again at once; from the second on, callers wait longer and longer.
      if (++this.#failures > 1) {
        this.#failed = {
          error: error as Error,
          untilMs: this.#now() + jittered(Math.min(1_000 * 2 ** (this.#failures - 2), LONGEST_BACKOFF_MS)),
        };
      }
      throw error;
    }
  }
}
