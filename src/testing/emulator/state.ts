/**
 * HubSpot's memory: the clock, apps, accounts, authorization codes, grants and access tokens.
 * Pure rules and no HTTP. The route files turn its answers into HubSpot's bodies.
 */

import { createHash } from "node:crypto";
import { WebhookRegistry } from "./app-webhooks.js";
import type { EmulatorAccount, EmulatorApp } from "./directory.js";
import type { EmulatorSettings } from "./emulator-settings.js";
import type { Randomness } from "./randomness.js";

/** An authorization code waiting to be exchanged. */
export interface AuthorizationCode {
  readonly code: string;
  readonly clientId: string;
  readonly hubId: number;
  readonly userId: number;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly codeChallenge: string | undefined;
  readonly expiresAtMs: number;
}

/** What a person agreed to: one app in one account for one user. Its refresh tokens live and die together. */
export interface Grant {
  /** Unique in its emulator; not a secret. */
  readonly id: string;
  readonly clientId: string;
  readonly hubId: number;
  readonly userId: number;
  scopes: readonly string[];
  /** The one that stands. */
  refreshToken: string;
  /** Refresh tokens that rotation replaced, and when each was first used. */
  readonly usedRefreshTokens: Map<string, number>;
  /** Whether its refresh tokens are refused. */
  revoked: boolean;
}

/** An access token and what it opens. */
export interface AccessToken {
  /** As it goes into a header. */
  readonly token: string;
  readonly clientId: string;
  /** Undefined for a client-credentials token, which belongs to no account. */
  readonly hubId: number | undefined;
  readonly userId: number | undefined;
  readonly scopes: readonly string[];
  /** When it ends, in milliseconds since 1970 by the emulator's clock. */
  expiresAtMs: number;
  /** An uninstall stopped it. */
  stopped: boolean;
}

/** Tokens issued together. */
export interface IssuedTokens {
  readonly grant: Grant;
  readonly accessToken: AccessToken;
}

/** A refresh token seen by its grant. */
export type RefreshTokenLookup = {
  readonly grant: Grant;
  readonly current: boolean;
  readonly usedAtMs: number | undefined;
};

/** Who a private app token belongs to. */
export interface PrivateAppOwner {
  readonly account: EmulatorAccount;
  readonly scopes: readonly string[];
}

/** Codes, grants and access tokens as plain data. */
export interface SavedTokens {
  readonly codes: readonly AuthorizationCode[];
  readonly grants: readonly (Omit<Grant, "usedRefreshTokens"> & { readonly usedRefreshTokens: readonly (readonly [string, number])[] })[];
  readonly accessTokens: readonly AccessToken[];
}

/** The state machine. */
export class EmulatorState {
  readonly settings: EmulatorSettings;
  readonly apps: readonly EmulatorApp[];
  readonly accounts: readonly EmulatorAccount[];
  readonly webhooks: WebhookRegistry = new WebhookRegistry();
  readonly #baseNow: () => number;
  readonly #random: Randomness;
  readonly #codes = new Map<string, AuthorizationCode>();
  readonly #grants: Grant[] = [];
  /** By every refresh token ever issued. */
  readonly #grantsByToken = new Map<string, Grant>();
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #accountsByHubId = new Map<number | undefined, EmulatorAccount>();
  readonly #privateApps = new Map<string, PrivateAppOwner>();
  #advancedMs = 0;

  constructor(
    now: () => number,
    random: Randomness,
    settings: EmulatorSettings,
    apps: readonly EmulatorApp[],
    accounts: readonly EmulatorAccount[],
  ) {
    this.#baseNow = now;
    this.#random = random;
    this.settings = settings;
    this.apps = apps;
    this.accounts = accounts;
    this.#index();
  }

  now(): number {
    return this.#baseNow() + this.#advancedMs;
  }

  advance(ms: number): void {
    this.#advancedMs += ms;
  }

  findApp(clientId: string | undefined): EmulatorApp | undefined {
    return this.apps.find((app) => app.clientId === clientId);
  }

  /** An account that exists and was not deleted. */
  findAccount(hubId: number | undefined): EmulatorAccount | undefined {
    const account = this.#accountsByHubId.get(hubId);
    return account === undefined || account.deleted ? undefined : account;
  }

  /** The account and scopes of a private app token. */
  findPrivateApp(token: string): PrivateAppOwner | undefined {
    const owner = this.#privateApps.get(token);
    return owner === undefined || owner.account.deleted ? undefined : owner;
  }

  issueCode(details: Omit<AuthorizationCode, "code" | "expiresAtMs">): AuthorizationCode {
    const region = this.findAccount(details.hubId)?.region ?? "na1";
    const code = {
      ...details,
      code: `${region}-${this.#random.uuid()}`,
      expiresAtMs: this.now() + this.settings.codeLifetimeMs,
    };
    this.#codes.set(code.code, code);
    return code;
  }

  /** A code that is neither used nor expired. */
  findCode(code: string | undefined): AuthorizationCode | undefined {
    const found = this.#codes.get(code ?? "");
    return found !== undefined && this.now() < found.expiresAtMs ? found : undefined;
  }

  /** Uses a code up and issues its tokens. The app counts as installed from here on. */
  redeemCode(code: AuthorizationCode): IssuedTokens {
    this.#codes.delete(code.code);
    const shared = this.settings.refreshTokenRotation === "none" ? this.#liveGrant(code) : undefined;
    // NOTE: what the shared refresh token may do after a second consent is not documented; the latest consent counts here.
    if (shared !== undefined) shared.scopes = code.scopes;
    const grant = shared ?? this.#newGrant(code);
    return { grant, accessToken: this.#issueAccessToken(grant) };
  }

  /** Finds the grant of a refresh token, current or already used; not one that was revoked. */
  findRefreshToken(token: string | undefined): RefreshTokenLookup | undefined {
    const grant = this.#grantsByToken.get(token ?? "");
    if (grant === undefined || token === undefined || grant.revoked) return undefined;
    return { grant, current: grant.refreshToken === token, usedAtMs: grant.usedRefreshTokens.get(token) };
  }

  /** Answers a refresh by the rotation rule in force; undefined when the token is dead (and, after a replay, the whole grant with it). */
  refresh(lookup: RefreshTokenLookup): IssuedTokens | undefined {
    const { grant } = lookup;
    const rotation = this.settings.refreshTokenRotation;
    if (lookup.current) {
      if (rotation !== "none") this.#rotate(grant);
    } else if (rotation !== "grace" || this.now() - (lookup.usedAtMs ?? 0) >= this.settings.refreshTokenGraceMs) {
      grant.revoked = true;
      return undefined;
    }
    return { grant, accessToken: this.#issueAccessToken(grant) };
  }

  findAccessToken(token: string | undefined): AccessToken | undefined {
    return this.#accessTokens.get(token ?? "");
  }

  /** An app-level token without an account. */
  issueClientCredentialsToken(clientId: string, scopes: readonly string[]): AccessToken {
    return this.#storeAccessToken({ clientId, hubId: undefined, userId: undefined, scopes });
  }

  /** Kills refresh tokens; access tokens already issued live on. */
  revokeGrants(match: (grant: Grant) => boolean): void {
    for (const grant of this.#grants) if (match(grant)) grant.revoked = true;
  }

  /** Kills refresh tokens and stops access tokens. */
  uninstall(hubId: number, clientId?: string): void {
    const match = (owner: { hubId: number | undefined; clientId: string }): boolean =>
      owner.hubId === hubId && (clientId === undefined || owner.clientId === clientId);
    this.revokeGrants(match);
    for (const token of this.#accessTokens.values()) if (match(token)) token.stopped = true;
    for (const [key, code] of this.#codes) if (match(code)) this.#codes.delete(key);
  }

  /** The accounts that have an app: a code was exchanged and nothing ended the grant. */
  installedIn(clientId: string): ReadonlySet<number> {
    return new Set(this.#grants.filter((grant) => grant.clientId === clientId && !grant.revoked).map(({ hubId }) => hubId));
  }

  /** Expires the access tokens of one account, or of all. */
  expireAccessTokens(hubId?: number): void {
    for (const token of this.#accessTokens.values()) {
      if (hubId === undefined || token.hubId === hubId) token.expiresAtMs = Math.min(token.expiresAtMs, this.now());
    }
  }

  /** Every grant ever given, the dead ones too. */
  grants(): readonly Grant[] {
    return this.#grants;
  }

  /** Every access token ever issued. */
  accessTokens(): readonly AccessToken[] {
    return [...this.#accessTokens.values()];
  }

  /** Codes, grants and access tokens. The parts are the state's own: copy before they change. */
  save(): SavedTokens {
    return {
      codes: [...this.#codes.values()],
      grants: this.#grants.map((grant) => ({ ...grant, usedRefreshTokens: [...grant.usedRefreshTokens] })),
      accessTokens: this.accessTokens(),
    };
  }

  /** Replaces codes, grants and access tokens, sets the clock (by default as if it had never been moved), and looks accounts up anew. */
  load(saved: SavedTokens, nowMs: number = this.#baseNow()): void {
    this.#advancedMs = nowMs - this.#baseNow();
    this.#codes.clear();
    // What is `undefined` is missing in JSON, and only there.
    for (const code of saved.codes) this.#codes.set(code.code, { ...code, codeChallenge: code.codeChallenge });
    this.#accessTokens.clear();
    for (const token of saved.accessTokens) {
      this.#accessTokens.set(token.token, { ...token, hubId: token.hubId, userId: token.userId });
    }
    this.#grants.length = 0;
    this.#grantsByToken.clear();
    for (const { usedRefreshTokens, ...rest } of saved.grants) {
      const grant: Grant = { ...rest, usedRefreshTokens: new Map(usedRefreshTokens) };
      this.#grants.push(grant);
      for (const token of [...grant.usedRefreshTokens.keys(), grant.refreshToken]) this.#grantsByToken.set(token, grant);
    }
    this.#index();
  }

  #index(): void {
    this.#accountsByHubId.clear();
    this.#privateApps.clear();
    for (const account of this.accounts) {
      this.#accountsByHubId.set(account.hubId, account);
      for (const { token, scopes } of account.privateApps) this.#privateApps.set(token, { account, scopes });
    }
  }

  #liveGrant(owner: { clientId: string; hubId: number; userId: number }): Grant | undefined {
    return this.#grants.find(
      (grant) => !grant.revoked && grant.clientId === owner.clientId && grant.hubId === owner.hubId && grant.userId === owner.userId,
    );
  }

  #newGrant(code: AuthorizationCode): Grant {
    const { clientId, hubId, userId, scopes } = code;
    const refreshToken = this.#newRefreshToken(hubId);
    const grant: Grant = {
      id: this.#random.uuid(),
      clientId,
      hubId,
      userId,
      scopes,
      refreshToken,
      usedRefreshTokens: new Map(),
      revoked: false,
    };
    this.#grants.push(grant);
    this.#grantsByToken.set(refreshToken, grant);
    return grant;
  }

  #newRefreshToken(hubId: number): string {
    return `${this.findAccount(hubId)?.region ?? "na1"}-${this.#random.uuid()}`;
  }

  #rotate(grant: Grant): void {
    grant.usedRefreshTokens.set(grant.refreshToken, this.now());
    grant.refreshToken = this.#newRefreshToken(grant.hubId);
    this.#grantsByToken.set(grant.refreshToken, grant);
  }

  #issueAccessToken(grant: Grant): AccessToken {
    const { clientId, hubId, userId, scopes } = grant;
    return this.#storeAccessToken({ clientId, hubId, userId, scopes });
  }

  #storeAccessToken(owner: Pick<AccessToken, "clientId" | "hubId" | "userId" | "scopes">): AccessToken {
    // 402 bytes are 536 characters: HubSpot asks clients to allow for at least 512.
    const token = this.#random.bytes(402).toString("base64url");
    const expiresAtMs = this.now() + this.settings.accessTokenLifetimeSeconds * 1000;
    const stored: AccessToken = { ...owner, token, expiresAtMs, stopped: false };
    this.#accessTokens.set(token, stored);
    return stored;
  }
}

/** RFC 7636 S256. */
export function s256(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}
