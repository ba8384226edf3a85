/**
 * One user's trip to HubSpot and back, up to the code: the state is made, sealed and bound to the browser on the way out; opened, checked
 * and used up on the way back, in that order and before anything is sent to HubSpot. The client exchanges what passes.
 */
import { storeError } from "./account-records.js";
import type { ResolvedOptions } from "./client-options.js";
import { hide } from "./error-brand.js";
import { AuthorizationDeniedError, type FlowDetails, HubSpotOAuthError, StateMismatchError } from "./errors.js";
import type { Emit } from "./events.js";
import { buildAuthorizeUrl, checkReturnTo, parseCallback } from "./oauth/authorize.js";
import {
  bindingDigest,
  clearedFlowCookie,
  codeChallenge,
  type Flow,
  flowCookie,
  isBoundTo,
  randomSecret,
  secretFromCookies,
  STATE_LIFE_MS,
  StateSeal,
} from "./oauth/state.js";
import { waitFor } from "./waiting.js";

/** Options of `createAuthorization`. */
export interface CreateAuthorizationOptions<Context = unknown> {
  /** Where the user should end up: a path on your own origin, at most 1,024 characters. @default none */
  readonly returnTo?: string | undefined;
  /** A JSON value that comes back from `completeAuthorization`: tenant, user. At most 1,024 bytes; sealed, so nobody can read or change it. @default none */
  readonly context?: Context | undefined;
  /** Reconnect: pins the account's portal, asks for the scopes it has, and the result must be the same account. @default none: a new connection */
  readonly accountId?: string | undefined;
  /** Preselects a HubSpot account, which the result must then belong to. @default none: the user chooses */
  readonly hubId?: string | undefined;
  /** More required scopes than the configured ones. @default [] */
  readonly scopes?: readonly string[] | undefined;
  /** More optional scopes than the configured ones. @default [] */
  readonly optionalScopes?: readonly string[] | undefined;
  /** A secret of this browser that you already have, such as its session id: then no cookie is made. @default none: a cookie is made */
  readonly binding?: string | undefined;
}

/** An authorization that began. */
export interface StartedAuthorization {
  /** Where to send the user: HubSpot's authorize page. Safe to show; it holds no secret. */
  readonly url: string;
  /** The state inside `url`. */
  readonly state: string;
  /** A ready `Set-Cookie` value: append it to the response, never set it in place of others. `undefined` when you gave a `binding`. */
  readonly cookie: string | undefined;
}

/** The browser's proof that it began the flow: its cookies, or the `binding` you gave at the start. Exactly one. */
export type BrowserProof = { readonly cookie: string | null | undefined } | { readonly binding: string };

/** What the flow is begun with, scopes and account already settled. */
export interface FlowRequest {
  readonly scopes: readonly string[];
  readonly optionalScopes: readonly string[];
  readonly hubId: string | undefined;
  readonly accountId: string | undefined;
  /** Those of `scopes` that are not configured. */
  readonly extraScopes: readonly string[] | undefined;
  readonly context: unknown;
  readonly returnTo: string | undefined;
  readonly binding: string | undefined;
}

const MAX_CONTEXT_BYTES = 1_024;

/** The flows of one client. */
export class AuthorizationFlows {
  readonly #options: ResolvedOptions<never>;
  readonly #emit: Emit;
  readonly #seal: StateSeal;

  constructor(options: ResolvedOptions<never>, emit: Emit) {
    this.#options = options;
    this.#emit = emit;
    this.#seal = new StateSeal(options.stateSecret, options.clientId, options.now);
  }

  /** Makes state, PKCE pair and cookie. @throws TypeError that names what cannot be used. */
  async begin(request: FlowRequest): Promise<StartedAuthorization> {
    const { clientId, redirectUri, pkce, now } = this.#options;
    const id = randomSecret();
    const secret = checkBinding(request.binding) ?? randomSecret();
    const codeVerifier = pkce ? randomSecret() : undefined;
    const flow: Flow = {
      id,
      clientId,
      redirectUri,
      binding: bindingDigest(secret),
      expiresAtMs: now() + STATE_LIFE_MS,
      codeVerifier,
      hubId: request.hubId,
      accountId: request.accountId,
      extraScopes: request.extraScopes,
      hasCookie: request.binding === undefined,
      context: checkContext(request.context),
      returnTo: request.returnTo === undefined ? undefined : checkReturnTo(request.returnTo),
    };
    const state = await this.#seal.seal(flow);
    const url = buildAuthorizeUrl({
      origin: this.#options.authorizeOrigin,
      clientId,
      redirectUri,
      scopes: request.scopes,
      optionalScopes: request.optionalScopes,
      state,
      hubId: request.hubId,
      codeChallenge: codeVerifier === undefined ? undefined : codeChallenge(codeVerifier),
    });
    this.#emit("authorization.started", { accountId: request.accountId });
    return { url, state, cookie: request.binding === undefined ? flowCookie(id, secret, redirectUri) : undefined };
  }

  /** Lets a callback in, once: state opened, browser recognised, state used up. Nothing was sent to HubSpot when this rejects. */
  async admit(url: string | URL, proof: BrowserProof): Promise<{ readonly flow: Flow; readonly code: string }> {
    const binding = proofOf(proof);
    const callback = parseCallback(url);
    if (callback.state === undefined) {
      // Whether HubSpot sends the state back with an error is not known. A denial harms nobody, so it needs no proof.
      if (callback.error !== undefined) throw this.#denied(callback.error, callback.errorDescription);
      throw new StateMismatchError(
        "missing",
        "The callback has no state: this app did not begin the flow (an install from HubSpot's marketplace, perhaps). Nothing was exchanged; begin one.",
      );
    }
    const flow = await this.#seal.open(callback.state);
    return this.describing(flow, async () => {
      if (this.#seal.isExpired(flow))
        throw new StateMismatchError("expired", "The user took longer than ten minutes. Nothing was exchanged; start the flow again.");
      assertBrowser(flow, binding);
      if (callback.code === undefined && callback.error === undefined) {
        throw new StateMismatchError("malformed", "The callback holds neither a code nor an error. Start the flow again.");
      }
      await this.#consume(flow.id);
      if (callback.code === undefined) throw this.#denied(callback.error ?? "unnamed", callback.errorDescription);
      return { flow, code: callback.code };
    });
  }

  /** Runs a step of a flow whose state was opened: whatever ends it tells the app where its user came from. */
  async describing<T>(flow: Flow, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      const { context, returnTo, accountId: reconnectAccountId } = flow;
      const details: FlowDetails = { context, returnTo, reconnectAccountId, clearCookie: this.clearCookie(flow) };
      // Only to errors of ours: an abort's reason may end other flows, too.
      if (error instanceof HubSpotOAuthError) hide(error, { ...details });
      throw error;
    }
  }

  /** The `Set-Cookie` value that removes a flow's cookie, if it has one. */
  clearCookie(flow: Flow): string | undefined {
    return flow.hasCookie === true ? clearedFlowCookie(flow.id, flow.redirectUri) : undefined;
  }

  async #consume(id: string): Promise<void> {
    let first: boolean;
    try {
      // Twice the state's life, by the store's clock: two clocks need not agree.
      first = await waitFor(Promise.resolve(this.#options.stateStore.consume(id, { ttlMs: 2 * STATE_LIFE_MS })), {
        ms: STATE_STORE_TIMEOUT_MS,
        onTimeout: () => {
          throw new Error("timeout");
        },
      });
    } catch (error) {
      if (error instanceof HubSpotOAuthError) throw error;
      throw storeError(error, "consume", "state store");
    }
    if (first !== true)
      throw new StateMismatchError("used", "This callback was handled before. Nothing was exchanged; start the flow again.");
  }

  #denied(error: string, errorDescription: string | undefined): AuthorizationDeniedError {
    this.#emit("authorization.denied", { error });
    return new AuthorizationDeniedError(error, errorDescription);
  }
}

const STATE_STORE_TIMEOUT_MS = 5_000;

type Proof = { readonly kind: "cookie"; readonly header: string } | { readonly kind: "binding"; readonly secret: string };

function proofOf(proof: BrowserProof): Proof {
  const hasCookie = Object.hasOwn(proof, "cookie");
  const hasBinding = Object.hasOwn(proof, "binding");
  if (hasCookie === hasBinding) {
    throw new TypeError(
      "Pass exactly one of cookie (the request's Cookie header, undefined if it has none) and binding (what createAuthorization was given).",
    );
  }
  if ("binding" in proof) return { kind: "binding", secret: checkBinding(proof.binding) ?? "" };
  if (proof.cookie !== null && proof.cookie !== undefined && typeof proof.cookie !== "string")
    throw new TypeError("cookie must be the request's Cookie header, or undefined if it has none.");
  return { kind: "cookie", header: proof.cookie ?? "" };
}

function assertBrowser(flow: Flow, proof: Proof): void {
  const secret = proof.kind === "binding" ? proof.secret : secretFromCookies(proof.header, flow);
  if (secret === undefined || secret === "") {
    throw new StateMismatchError(
      "unbound",
      "The flow's cookie did not come with the callback: another browser, cookies blocked, or the Set-Cookie of createAuthorization() was not sent. Nothing was exchanged.",
    );
  }
  if (!isBoundTo(flow, secret)) throw new StateMismatchError("wrong-browser", "Another browser began this flow. Nothing was exchanged.");
}

function checkBinding(binding: unknown): string | undefined {
  if (binding === undefined) return undefined;
  if (typeof binding !== "string" || binding === "")
    throw new TypeError("binding must be a non-empty string that only this browser has, such as its session id.");
  return binding;
}

function checkContext(context: unknown): unknown {
  let text: string | undefined;
  try {
    text = JSON.stringify(context);
  } catch {
    throw new TypeError("context must be a JSON value: it has a cycle or a BigInt.");
  }
  if (context !== undefined && text === undefined) throw new TypeError("context must be a JSON value, not a function or a symbol.");
  if (text !== undefined && Buffer.byteLength(text) > MAX_CONTEXT_BYTES)
    throw new TypeError(`context must be at most ${MAX_CONTEXT_BYTES} bytes as JSON: put an id in it, not the thing.`);
  return context;
}
