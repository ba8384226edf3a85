/**
 * A set of tokens in its three forms: `TokenSet` in the hands of the application (redacts itself), `StoredTokens` in a store (plain JSON),
 * and the arithmetic that says when an access token has to be replaced. Imports nothing but zod and the errors.
 */
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { z } from "zod";
import { ConfigurationError, TokenStoreError } from "./errors.js";

/** What stands for a token in print. */
export const REDACTED = "[redacted]";

/** The plain form of a `TokenSet`: what `reveal()` returns and `saveTokens()` takes. Holds secrets. */
export interface RevealedTokens {
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  /** When the access token ends, in milliseconds since 1970, by this machine's clock. */
  readonly expiresAtMs: number;
  readonly hubId?: string | undefined;
  readonly userId?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

// Not a #private field: the ESM and CommonJS declarations of the class would then be two types that do not fit each other.
const secrets = new WeakMap<TokenSet, { readonly accessToken: string; readonly refreshToken: string | undefined }>();

function secretsOf(tokens: TokenSet): { readonly accessToken: string; readonly refreshToken: string | undefined } {
  const found = secrets.get(tokens);
  if (found === undefined) throw new TypeError("Not a TokenSet made by this library");
  return found;
}

/**
 * What one token response granted (RFC 6749 section 5.1). Printing it, logging it or turning it into JSON shows no token:
 * read `accessToken` and `refreshToken`, or call `reveal()` for the plain object to persist.
 */
export class TokenSet {
  /** The HubSpot account (`hub_id`), or `undefined` when the response did not say. */
  readonly hubId: string | undefined;
  /** The user who connected, or `undefined` when the response did not say. */
  readonly userId: string | undefined;
  /** The granted scopes, or `undefined` when the response did not say. */
  readonly scopes: readonly string[] | undefined;
  /** When the request was sent, in milliseconds since 1970. */
  readonly obtainedAtMs: number;
  /** How long the access token lives, in milliseconds from `obtainedAtMs`. */
  readonly expiresInMs: number;

  constructor(grant: Grant) {
    secrets.set(this, { accessToken: grant.accessToken, refreshToken: grant.refreshToken });
    this.hubId = grant.hubId;
    this.userId = grant.userId;
    this.scopes = grant.scopes;
    this.obtainedAtMs = grant.obtainedAtMs;
    this.expiresInMs = grant.expiresInMs;
  }

  /** The access token: opaque, of no fixed length (HubSpot: allow at least 512 characters). */
  get accessToken(): string {
    return secretsOf(this).accessToken;
  }

  /** The refresh token, or `undefined` when the response carried none. */
  get refreshToken(): string | undefined {
    return secretsOf(this).refreshToken;
  }

  /** When the access token ends, in milliseconds since 1970. */
  get expiresAtMs(): number {
    return this.obtainedAtMs + this.expiresInMs;
  }

  /** The tokens as a plain object, for storage of your own or for `saveTokens()`. Do not log it. */
  reveal(): RevealedTokens {
    const { accessToken, refreshToken } = secretsOf(this);
    return {
      accessToken,
      ...(refreshToken !== undefined && { refreshToken }),
      expiresAtMs: this.expiresAtMs,
      ...(this.hubId !== undefined && { hubId: this.hubId }),
      ...(this.userId !== undefined && { userId: this.userId }),
      ...(this.scopes !== undefined && { scopes: this.scopes }),
    };
  }

  /** Redacted. */
  toJSON(): Record<string, unknown> {
    return {
      accessToken: REDACTED,
      refreshToken: this.refreshToken === undefined ? undefined : REDACTED,
      expiresAtMs: this.expiresAtMs,
      hubId: this.hubId,
      userId: this.userId,
      scopes: this.scopes,
    };
  }

  /** Redacted. */
  toString(): string {
    return `TokenSet(hubId: ${this.hubId ?? "unknown"}, tokens: [redacted])`;
  }

  static {
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: TokenSet): string {
        return `TokenSet ${inspect(this.toJSON())}`;
      },
    });
  }
}

/** What one token response granted, in our own words and with a life that can be trusted. */
export interface Grant {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** When the request was sent, in milliseconds since 1970. */
  readonly obtainedAtMs: number;
  /** How long the access token lives from then on, in milliseconds. */
  readonly expiresInMs: number;
  readonly hubId: string | undefined;
  readonly userId: string | undefined;
  readonly scopes: readonly string[] | undefined;
}

/**
 * One account in a store: plain JSON, so that `JSON.parse(JSON.stringify(record))` equals `record`. To a store it is opaque but for
 * `version`. Holds secrets: encrypt at rest (`EncryptedTokenStore`), and give token columns no length limit.
 */
export interface StoredTokens {
  /** A fresh random string on every write, put there by the client. A store compares it and never makes one up. */
  readonly version: string;
  /** 1. A record with a higher number was written by a newer version of this package and is refused. */
  readonly format: 1;
  readonly accountId: string;
  readonly hubId: string;
  readonly userId?: string;
  /** The app this grant belongs to: another app's record is never refreshed, marked or overwritten. */
  readonly clientId: string;
  /** New at each connect, kept by refreshes. */
  readonly grantId: string;
  readonly accessToken?: string;
  readonly refreshToken?: string;
  /** When the access token was asked for, in milliseconds since 1970. */
  readonly obtainedAtMs: number;
  /** How long it lives from then on, in milliseconds. */
  readonly expiresInMs: number;
  /** When the user connected, in milliseconds since 1970. */
  readonly connectedAtMs: number;
  /** What was granted; absent while HubSpot has not said. */
  readonly scopes?: readonly string[];
  /** Beyond the configured ones, the scopes that were asked for as required: a reconnect has to ask for them in the same way. */
  readonly extraScopes?: readonly string[];
  /** `dead`: HubSpot refused the refresh token for good. Kept, not asked again, until somebody reconnects or forces. */
  readonly status: "active" | "dead";
  /** Why it is dead. */
  readonly reason?: string;
}

/** Made when the first record is read: it takes zod longer to make a schema than this library to load. */
let made: ReturnType<typeof storedShape> | undefined;

function storedShape() {
  return z.looseObject({
    version: z.string().min(1),
    format: z.literal(1),
    accountId: z.string(),
    hubId: z.string(),
    userId: z.string().optional(),
    clientId: z.string(),
    grantId: z.string(),
    accessToken: z.string().optional(),
    refreshToken: z.string().optional(),
    obtainedAtMs: z.number(),
    expiresInMs: z.number(),
    connectedAtMs: z.number(),
    scopes: z.array(z.string()).optional(),
    extraScopes: z.array(z.string()).optional(),
    status: z.enum(["active", "dead"]),
    reason: z.string().optional(),
  });
}

/**
 * Checks what a store handed out. A record that is damaged, belongs to another account or to another app is an error:
 * none of these may ever read as "not connected".
 */
export function readStored(value: unknown, accountId: string, clientId: string): StoredTokens {
  const own = ownFields(value);
  const format = own?.["format"];
  if (typeof format === "number" && format > 1) {
    throw new ConfigurationError(
      `The token store holds a record in format ${format}, written by a newer version of hubspot-oauth. Upgrade this process.`,
    );
  }
  made ??= storedShape();
  const parsed = made.safeParse(own);
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0] ?? "record")))].join(", ");
    throw new TokenStoreError(
      `The token store returned a damaged record (${fields}). It must hand back what it was given, unknown fields too.`,
      {
        operation: "get",
      },
    );
  }
  if (parsed.data.accountId !== accountId) {
    throw new TokenStoreError("The token store returned the record of another account. Check how it turns account ids into keys.", {
      operation: "get",
    });
  }
  if (parsed.data.clientId !== clientId) {
    throw new ConfigurationError(
      "The stored tokens belong to another HubSpot app (client id). Use that app's client id, or a store or namespace of its own for this one.",
    );
  }
  return ownFields(parsed.data) as unknown as StoredTokens;
}

/** The own members of a JSON object on a null prototype, so that nothing is read from a polluted `Object.prototype`. */
export function ownFields(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

const MANDATORY_MS = 60_000;
const ADVISORY_MS = 300_000;

/** From when on a token is replaced in the background, from when on everybody waits for the new one, and when it ends. All in milliseconds since 1970. */
export interface RefreshWindows {
  readonly advisoryAtMs: number;
  readonly mandatoryAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * The two windows of a record. Mandatory: the last minute, or 5 % of a short life. Advisory: the last five minutes, or 25 % of a short life,
 * of which each record uses between half and all: accounts that connected together must not refresh together.
 */
export function refreshWindows(record: StoredTokens): RefreshWindows {
  const life = record.accessToken === undefined ? 0 : record.expiresInMs;
  const expiresAtMs = record.obtainedAtMs + life;
  const mandatory = Math.min(MANDATORY_MS, life * 0.05);
  const advisory = Math.min(ADVISORY_MS, life * 0.25);
  return {
    advisoryAtMs: expiresAtMs - Math.max(mandatory, Math.round(advisory * (0.5 + 0.5 * jitterOf(record.version)))),
    mandatoryAtMs: expiresAtMs - mandatory,
    expiresAtMs,
  };
}

/** A number in [0, 1) that a record keeps for its life and shares with every process: the same for all who read it. */
function jitterOf(version: string): number {
  return createHash("sha256").update(version).digest().readUInt32BE(0) / 2 ** 32;
}
