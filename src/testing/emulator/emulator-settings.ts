/**
 * The switches of an emulator and their defaults: limits, and what HubSpot leaves uncertain. They stay changeable while it runs.
 */

import type { EmulatorLimits } from "./rate-limits.js";

/** Switches, most of them for behaviour HubSpot does not pin down. All may be changed on a running emulator. */
export interface EmulatorSettings {
  /**
   * `none`: a refresh answers the same refresh token, and one app, account and user share one across connections (what HubSpot does today).
   * `strict`: each refresh answers a new one; a used one presented again ends the grant. `grace`: a used one still answers for `refreshTokenGraceMs`.
   * @default "none"
   */
  refreshTokenRotation: "none" | "strict" | "grace";
  /** How long a replaced refresh token still works after its first use, in milliseconds. @default 30000 */
  refreshTokenGraceMs: number;
  /**
   * `enforced`: when a challenge was sent, a wrong or missing verifier is BAD_CODE_VERIFIER; when none was, any verifier is. `ignored`: never
   * looked at.
   * `rejected`: an authorize URL with a challenge goes back with `error=invalid_request`, a verifier is BAD_CODE_VERIFIER.
   * @default "enforced"
   */
  pkce: "ignored" | "enforced" | "rejected";
  /** Whether token answers carry `user_id`. @default false */
  userIdInTokenResponse: boolean;
  /** From this emulator time on, /oauth/v1/* answers 404. @default 2027-02-16T00:00Z */
  v1SunsetAtMs: number;
  /** true: v1 is off now; false: v1 stays on whatever the time; undefined: `v1SunsetAtMs` decides. @default undefined */
  v1Sunset: boolean | undefined;
  /** Life of access tokens issued from now on. @default 1800 */
  accessTokenLifetimeSeconds: number;
  /** How long an authorization code may wait, in milliseconds. @default 60000 */
  codeLifetimeMs: number;
  /**
   * What Cancel does: back to the app with `error=access_denied` and the state, the same without the state, or nothing at all.
   * @default "redirect"
   */
  denial: "redirect" | "redirect-without-state" | "no-callback";
  /** `legacy`: the bodies of before 2026, `status`, `message` and `correlationId` only. @default "rfc" */
  tokenErrorStyle: "rfc" | "legacy";
  /** HTTP status of BAD_CLIENT_ID and BAD_CLIENT_SECRET. @default 400 */
  clientErrorStatus: 400 | 401;
  /** The field that names the token to introspect: `token`, the older guide's `access_token`/`refresh_token`, or either. @default "either" */
  introspectField: "token" | "named" | "either";
  /** Body of a successful revoke; undefined is an empty one. @default undefined */
  revokeBody: unknown;
  /** Category of the 401 for a token that an uninstall stopped. @default "INVALID_AUTHENTICATION" */
  uninstalledTokenCategory: "INVALID_AUTHENTICATION" | "EXPIRED_AUTHENTICATION";
  /** Which calls are too many and get a 429. `"hubspot"`: as HubSpot publishes them. Undefined: not limited. @default undefined */
  limits: EmulatorLimits | "hubspot" | undefined;
  /** Last edit of every successful token answer: return the body to send, without the fields a test wants gone. @default undefined */
  tokenResponse: ((body: TokenResponseBody) => object) | undefined;
}

/** A successful answer of the token endpoint, in HubSpot's own names. */
export interface TokenResponseBody {
  token_type: string;
  refresh_token?: string;
  access_token: string;
  hub_id?: number;
  user_id?: number;
  scopes: string[];
  expires_in: number;
  token_use: "access_token" | "client_credentials";
}

/** Fills the switches in. */
export function resolveSettings(options: Partial<EmulatorSettings>): EmulatorSettings {
  return {
    refreshTokenRotation: options.refreshTokenRotation ?? "none",
    refreshTokenGraceMs: options.refreshTokenGraceMs ?? 30_000,
    pkce: options.pkce ?? "enforced",
    userIdInTokenResponse: options.userIdInTokenResponse ?? false,
    v1SunsetAtMs: options.v1SunsetAtMs ?? Date.UTC(2027, 1, 16),
    v1Sunset: options.v1Sunset,
    accessTokenLifetimeSeconds: options.accessTokenLifetimeSeconds ?? 1800,
    codeLifetimeMs: options.codeLifetimeMs ?? 60_000,
    denial: options.denial ?? "redirect",
    tokenErrorStyle: options.tokenErrorStyle ?? "rfc",
    clientErrorStatus: options.clientErrorStatus ?? 400,
    introspectField: options.introspectField ?? "either",
    revokeBody: options.revokeBody,
    uninstalledTokenCategory: options.uninstalledTokenCategory ?? "INVALID_AUTHENTICATION",
    limits: options.limits,
    tokenResponse: options.tokenResponse,
  };
}
