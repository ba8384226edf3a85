/**
 * The `state` of an authorization: sealed (nobody can read or change it), bound to the browser that began the flow, and used once.
 * Nothing is stored when a flow begins; the callback may reach another process than the start did.
 */
import { createHash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { compactDecrypt } from "jose/jwe/compact/decrypt";
import { CompactEncrypt } from "jose/jwe/compact/encrypt";
import { StateMismatchError } from "../errors.js";

/** How long a user has for the trip to HubSpot and back. */
export const STATE_LIFE_MS = 600_000;
/** The purpose of the key: what is sealed with it can be opened as nothing else. */
const PURPOSE = "hubspot-oauth/state/v1";
const MAX_STATE_LENGTH = 8_192;

/** What travels inside the state. */
export interface Flow {
  readonly id: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** SHA-256 of the browser's secret. */
  readonly binding: string;
  readonly expiresAtMs: number;
  /** PKCE verifier: it leaves this library only towards the token endpoint. */
  readonly codeVerifier?: string | undefined;
  /** The HubSpot account that must answer. */
  readonly hubId?: string | undefined;
  /** The account that is being reconnected. */
  readonly accountId?: string | undefined;
  /** Scopes asked for as required, beyond the configured ones. */
  readonly extraScopes?: readonly string[] | undefined;
  /** Whether the browser is known by a cookie of ours. */
  readonly hasCookie?: boolean | undefined;
  readonly context?: unknown;
  readonly returnTo?: string | undefined;
}

/** 256 bits from the operating system, 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Seals and opens the states of one client. */
export class StateSeal {
  readonly #key: Uint8Array;
  readonly #clientId: string;
  readonly #now: () => number;

  constructor(secret: string | Uint8Array, clientId: string, now: () => number) {
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", PURPOSE, 32));
    this.#clientId = clientId;
    this.#now = now;
  }

  /** A state for the URL: JWE, compact, AES-256-GCM. */
  seal(flow: Flow): Promise<string> {
    const text = new TextEncoder().encode(JSON.stringify(flow));
    return new CompactEncrypt(text).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(this.#key);
  }

  /** @throws StateMismatchError: `malformed`, `other-client`. Whether it has expired is asked of `isExpired`, when the flow is known. */
  async open(state: string): Promise<Flow> {
    let flow: Flow;
    try {
      if (state.length > MAX_STATE_LENGTH) throw new RangeError("too long");
      const { plaintext } = await compactDecrypt(state, this.#key, {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      flow = JSON.parse(new TextDecoder().decode(plaintext)) as Flow;
    } catch {
      // Which of the many ways it is wrong says nothing to an honest user and something to an attacker.
      throw new StateMismatchError(
        "malformed",
        "The callback's state was not made by this app. Nothing was exchanged; start the flow again.",
      );
    }
    if (flow.clientId !== this.#clientId) {
      throw new StateMismatchError(
        "other-client",
        "The callback's state was made for another HubSpot app. Nothing was exchanged; check which app's callback this is.",
      );
    }
    return flow;
  }

  isExpired(flow: Flow): boolean {
    return this.#now() >= flow.expiresAtMs;
  }
}

/** The digest of a browser's secret: what the state carries instead of the secret. */
export function bindingDigest(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** Constant time, over digests of one length. */
export function isBoundTo(flow: Flow, secret: string): boolean {
  return timingSafeEqual(createHash("sha256").update(flow.binding).digest(), createHash("sha256").update(bindingDigest(secret)).digest());
}

/** The S256 challenge of a verifier (RFC 7636 section 4.2). */
export function codeChallenge(verifier: string): string {
  return createHash("sha256").update(verifier, "ascii").digest("base64url");
}

/**
 * The cookie of one flow. A cookie each, so that two tabs do not disturb each other. `__Host-` keeps sub-domains from planting one; on
 * http (localhost only) that prefix and Secure are left out, since Safari drops such cookies there.
 */
export function flowCookie(stateId: string, secret: string, redirectUri: string): string {
  return setCookie(stateId, secret, STATE_LIFE_MS / 1_000, redirectUri);
}

/** The `Set-Cookie` value that removes a flow's cookie. */
export function clearedFlowCookie(stateId: string, redirectUri: string): string {
  return setCookie(stateId, "", 0, redirectUri);
}

function setCookie(stateId: string, value: string, maxAgeSeconds: number, redirectUri: string): string {
  // Lax: a Strict cookie would not come along on the way back from HubSpot.
  return `${cookieName(stateId, redirectUri)}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly;${isHttps(redirectUri) ? " Secure;" : ""} SameSite=Lax`;
}

/** The secret from a request's `Cookie` header, or `undefined` when this flow's cookie is not in it. */
export function secretFromCookies(cookieHeader: string, flow: Flow): string | undefined {
  const prefix = `${cookieName(flow.id, flow.redirectUri)}=`;
  for (const pair of cookieHeader.split(";")) {
    const trimmed = pair.trim();
    if (trimmed.startsWith(prefix)) return trimmed.slice(prefix.length).replace(/^"(.*)"$/, "$1");
  }
  return undefined;
}

function cookieName(stateId: string, redirectUri: string): string {
  return `${isHttps(redirectUri) ? "__Host-" : ""}hubspot-oauth-${stateId.slice(0, 8)}`;
}

function isHttps(redirectUri: string): boolean {
  return redirectUri.startsWith("https:") || new URL(redirectUri).protocol === "https:";
}
