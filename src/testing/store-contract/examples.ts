/** What the contract's cases put into a store: records with every field, and the account ids that break naive keys and file names. */
import type { StoredTokens } from "../../stores/store.js";

/** A record with every field set, for an account. */
export function exampleRecord(accountId: string, over: Partial<StoredTokens> = {}): StoredTokens {
  return {
    version: "version-1",
    format: 1,
    accountId,
    hubId: "62515",
    userId: "9",
    clientId: "app",
    grantId: "grant-1",
    accessToken: "access-token",
    refreshToken: "refresh-token",
    obtainedAtMs: 1_790_000_000_123,
    expiresInMs: 1_800_000,
    connectedAtMs: 1_780_000_000_000,
    scopes: ["oauth", "crm.objects.contacts.read"],
    status: "dead",
    reason: "BAD_REFRESH_TOKEN",
    ...over,
  };
}

/** A record with only the fields that are always there. */
export function bareRecord(accountId: string): StoredTokens {
  return {
    version: "version-bare",
    format: 1,
    accountId,
    hubId: "62515",
    clientId: "app",
    grantId: "grant-1",
    obtainedAtMs: 0,
    expiresInMs: 0,
    connectedAtMs: 0,
    scopes: [],
    status: "active",
  };
}

/**
 * Ids that look like paths, patterns, keys of another layout, SQL or each other. All different, and all pass the client's check of
 * account ids: 1 to 255 characters, no control characters.
 */
export const hostileIds: readonly string[] = [
  ...["1", "11", "111", "1:2", "1/2", "1.2"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty"],
  ...[".", "..", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~"],
  ...["a:b", "a::b", "{x}", "{", "}", "[a-z]", "*", "?", "%", "%2e%2e", "_", "a_b", "a%b"],
  ...["' or '1'='1", '"; drop table tokens; --', "$1", "${x}", "`x`", "a,b", "a=b", "a&b", "#", "@"],
  ...[" ", "a b", "a ", " a", "a.", "CON", "nul", "aux.json", "COM1", "tokens.lock"],
  ...["A", "a", "É", "é", "e\u0301", "ß", "SS", "İ", "ı"],
  ...["😀", "👩‍👩‍👧", "日本語", "\u202ertl", "\ufeff", "\u200b"],
  ...["x".repeat(255), `${"x".repeat(254)}y`, "X".repeat(255), "é".repeat(255), "日".repeat(255)],
  ...["undefined", "null", "true", "0", "-1", "1e3", "NaN", "9007199254740993"],
];
