/**
 * Every fault by name, with its parameters: plain JSON values, so that a seed file, a page or another process can say them too.
 * What each does is the table in fault-kinds.ts.
 */

import type { TokenErrorStatus } from "./api-errors.js";
import type { RateLimitPolicy } from "./rate-limit-answers.js";

/** 429. */
export interface RateLimitFault {
  readonly kind: "rate-limit";
  /** @default "TEN_SECONDLY_ROLLING" */
  readonly policy?: RateLimitPolicy;
  /** `policyName` on SECONDLY, where the recorded answer has none. @default false */
  readonly namePolicy?: boolean;
  /** A `Retry-After` header: digits are seconds; anything else is sent as it is, a date or junk. @default "", no header */
  readonly retryAfter?: string;
}

/** 500, 502, 503 or 504 with HubSpot's JSON. */
export interface ServerErrorFault {
  readonly kind: "server-error";
  /** @default 500 */
  readonly status?: number;
  /** As for `rate-limit`. @default "" */
  readonly retryAfter?: string;
}

/** A page of Cloudflare's in place of HubSpot's answer. */
export interface CloudflareFault {
  readonly kind: "cloudflare";
  /** 520 to 526; 429 is Cloudflare's own limit, `error code: 1015` as text. @default 522 */
  readonly status?: number;
}

/** No answer, ever. */
export interface HangFault {
  readonly kind: "hang";
  /** Whether the operation is carried out. @default false */
  readonly process?: boolean;
}

/** The connection is reset. */
export interface ResetFault {
  readonly kind: "reset";
  /** Before the operation, after it but before its answer, or within the answer's body. @default "before" */
  readonly when?: "before" | "processed" | "mid-body";
}

/** The whole answer, late. */
export interface DelayFault {
  readonly kind: "delay";
  /** @default 5000 */
  readonly delayMs?: number;
}

/** The whole answer, in small pieces. */
export interface DripFault {
  readonly kind: "drip";
  /** Of each piece. @default 1 */
  readonly bytes?: number;
  /** @default 1000 */
  readonly intervalMs?: number;
}

/** A web page. */
export interface HtmlFault {
  readonly kind: "html";
  /** @default 200 */
  readonly status?: number;
}

/** An answer without a body. */
export interface EmptyFault {
  readonly kind: "empty";
  /** @default 200 */
  readonly status?: number;
}

/** The first half of the answer. */
export interface TruncatedFault {
  readonly kind: "truncated";
  /** `close`: nothing shows that something is missing; `content-length`: the header announces more than comes. @default "close" */
  readonly framing?: "close" | "content-length";
}

/** The right answer under a wrong `Content-Type`. */
export interface WrongContentTypeFault {
  readonly kind: "wrong-content-type";
  /** @default "text/html;charset=utf-8" */
  readonly contentType?: string;
}

/** 401. */
export interface UnauthorizedFault {
  readonly kind: "unauthorized";
  /** `UNDECODABLE` is EXPIRED_AUTHENTICATION since 1970, as for a token HubSpot cannot read; `BLANK` has no body. @default "EXPIRED_AUTHENTICATION" */
  readonly category?: "EXPIRED_AUTHENTICATION" | "INVALID_AUTHENTICATION" | "UNDECODABLE" | "BLANK";
}

/** 403 MISSING_SCOPES. */
export interface MissingScopesFault {
  readonly kind: "missing-scopes";
  /** Any one of them would do. @default ["crm.objects.contacts.write"] */
  readonly scopes?: readonly string[];
  /** The key they stand under. @default "requiredGranularScopes" */
  readonly key?: "requiredGranularScopes" | "requiredScopes" | "missingScopes";
}

/** 403 GATED: the account may not use the feature. */
export interface GatedFault {
  readonly kind: "gated";
}

/** 423: the record is locked, for about two seconds. */
export interface LockedFault {
  readonly kind: "locked";
}

/** 477: the account moves between data centres. */
export interface MigrationFault {
  readonly kind: "migration";
  /** HubSpot says up to a day. @default 3600 */
  readonly retryAfterSeconds?: number;
}

/** 207: the operation's answer, with one error beside its results. */
export interface PartialFault {
  readonly kind: "partial";
}

/** 200 with an error's body. */
export interface ErrorAsSuccessFault {
  readonly kind: "error-as-success";
}

/** An error of the token endpoint: `BAD_REFRESH_TOKEN` is `invalid_grant`. */
export interface TokenErrorFault {
  readonly kind: "token-error";
  /** @default "BAD_REFRESH_TOKEN" */
  readonly status?: TokenErrorStatus;
  /** 0 is the usual one. @default 0 */
  readonly httpStatus?: number;
}

/** 404, as on /oauth/v1 after HubSpot switched it off. */
export interface V1SunsetFault {
  readonly kind: "v1-sunset";
}

/** The answer with every member written twice, once as `null`. */
export interface DuplicateKeysFault {
  readonly kind: "duplicate-keys";
  /** Which of the two is true. @default "last" */
  readonly real?: "first" | "last";
}

/** The answer without some of its members. */
export interface MissingFieldsFault {
  readonly kind: "missing-fields";
  /** @default ["hub_id", "scopes", "token_type", "token_use"] */
  readonly fields?: readonly string[];
}

/** The answer behind so many bytes of white space: right, and far too large. */
export interface OversizedFault {
  readonly kind: "oversized";
  /** @default 67108864 */
  readonly bytes?: number;
}

/** Any answer. */
export interface AnswerFault {
  readonly kind: "answer";
  /** 0 is the operation's own, or 200 when there is a `body`. @default 0 */
  readonly status?: number;
  /** Added to the answer. @default {} */
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. Default: none when `status` is given, else the operation's own. */
  readonly body?: unknown;
  /** Whether the operation is carried out before its answer is replaced; it is when the answer is not. @default false */
  readonly process?: boolean;
}

/** What goes wrong. */
export type Fault =
  | RateLimitFault
  | ServerErrorFault
  | CloudflareFault
  | HangFault
  | ResetFault
  | DelayFault
  | DripFault
  | HtmlFault
  | EmptyFault
  | TruncatedFault
  | WrongContentTypeFault
  | UnauthorizedFault
  | MissingScopesFault
  | GatedFault
  | LockedFault
  | MigrationFault
  | PartialFault
  | ErrorAsSuccessFault
  | TokenErrorFault
  | V1SunsetFault
  | DuplicateKeysFault
  | MissingFieldsFault
  | OversizedFault
  | AnswerFault;
