/**
 * What each fault does: a table from its name to a label, its parameters and the answer. A new fault is a type in fault.ts and a row here;
 * the console, seed files and `emulator.faults.kinds` read the same rows.
 */

import { apiError, authenticationExpired, authenticationMissing, missingScopes, routeNotFound, tokenError } from "./api-errors.js";
import type { EmulatorSettings } from "./emulator-settings.js";
import type { Fault } from "./fault.js";
import { choice, completeParameters, type FaultParameter, flag, integer, text, texts } from "./fault-parameters.js";
import { type EmulatorResponse, empty, json } from "./messages.js";
import { tooManyRequests } from "./rate-limit-answers.js";
import type { LoggedRequest } from "./request-log.js";
import { webPage } from "./web-pages.js";

/** What a fault is listed as. */
export interface FaultKind {
  /** The `kind` of its JSON form. */
  readonly kind: Fault["kind"];
  /** For a person. */
  readonly label: string;
  /** By name; none has to be given. */
  readonly parameters: Readonly<Record<string, FaultParameter>>;
}

/** What a fault can see, and the operation it may carry out, once. */
export interface FaultContext {
  readonly request: LoggedRequest;
  readonly settings: EmulatorSettings;
  readonly nowMs: number;
  readonly operate: () => EmulatorResponse;
}

type Parameters<F> = Omit<F, "kind">;

interface Row<F> {
  readonly label: string;
  readonly parameters: { readonly [Name in keyof Parameters<F>]-?: FaultParameter };
  readonly answer: (parameters: Required<Parameters<F>>, context: FaultContext) => EmulatorResponse;
}

const MAX_STATUS = 599;
const LONGEST_TIMER_MS = 2_147_483_647;
const status = (standard: number): FaultParameter => integer(standard, 200, MAX_STATUS);

const ROWS: { readonly [Kind in Fault["kind"]]: Row<Extract<Fault, { kind: Kind }>> } = {
  "rate-limit": {
    label: "429 rate limit",
    parameters: {
      policy: choice("TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY", "TOKEN_ENDPOINT"),
      namePolicy: flag(false),
      retryAfter: text(""),
    },
    answer: ({ policy, namePolicy, retryAfter }) => tooManyRequests(policy, retryAfterHeader(retryAfter), namePolicy),
  },
  "server-error": {
    label: "5xx from HubSpot",
    parameters: { status: integer(500, 500, MAX_STATUS), retryAfter: text("") },
    answer: (fault) => withHeaders(apiError(fault.status, "INTERNAL_ERROR", "internal error"), retryAfterHeader(fault.retryAfter)),
  },
  cloudflare: {
    label: "Cloudflare error page",
    parameters: { status: integer(522, 429, MAX_STATUS) },
    answer: (fault) => {
      const headers = { server: "cloudflare", "cf-ray": "8f0e1d2c3b4a5968-FRA" };
      if (fault.status !== 429)
        return withHeaders(webPage(fault.status, `Error ${fault.status}`, "Cloudflare Ray ID: 8f0e1d2c3b4a5968"), headers);
      return { status: 429, headers: { "content-type": "text/plain; charset=UTF-8", ...headers }, body: "error code: 1015" };
    },
  },
  hang: {
    label: "No answer, ever",
    parameters: { process: flag(false) },
    answer: ({ process }, { operate }) => ({ ...(process ? operate() : NOTHING), delivery: { kind: "hang" } }),
  },
  reset: {
    label: "Connection reset",
    parameters: { when: choice("before", "processed", "mid-body") },
    answer: ({ when }, { operate }) => {
      if (when === "mid-body") return cut(operate(), "reset");
      return { ...(when === "processed" ? operate() : NOTHING), delivery: { kind: "drop" } };
    },
  },
  delay: {
    label: "Late answer",
    parameters: { delayMs: integer(5_000, 0, LONGEST_TIMER_MS) },
    answer: ({ delayMs }, { operate }) => ({ ...operate(), delivery: { kind: "delay", delayMs } }),
  },
  drip: {
    label: "Answer in drips",
    parameters: { bytes: integer(1, 1, 1_048_576), intervalMs: integer(1_000, 0, LONGEST_TIMER_MS) },
    answer: (fault, { operate }) => ({ ...operate(), delivery: { kind: "drip", ...fault } }),
  },
  html: {
    label: "A web page",
    parameters: { status: status(200) },
    answer: (fault) => webPage(fault.status, "We'll be right back", "Something went wrong."),
  },
  empty: {
    label: "Empty answer",
    parameters: { status: status(200) },
    answer: (fault) => empty(fault.status),
  },
  truncated: {
    label: "Answer cut short",
    parameters: { framing: choice("close", "content-length") },
    answer: ({ framing }, { operate }) => cut(operate(), framing === "close" ? "close-delimited" : "closed"),
  },
  "wrong-content-type": {
    label: "Wrong content type",
    parameters: { contentType: text("text/html;charset=utf-8") },
    answer: ({ contentType }, { operate }) => withHeaders(operate(), { "content-type": contentType }),
  },
  unauthorized: {
    label: "401 token refused",
    parameters: { category: choice("EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION", "UNDECODABLE", "BLANK") },
    answer: ({ category }, { nowMs }) => {
      if (category === "BLANK") return empty(401);
      if (category === "INVALID_AUTHENTICATION") return authenticationMissing();
      return authenticationExpired(category === "UNDECODABLE" ? 0 : nowMs - 75_000, nowMs);
    },
  },
  "missing-scopes": {
    label: "403 missing scopes",
    parameters: {
      scopes: texts("crm.objects.contacts.write"),
      key: choice("requiredGranularScopes", "requiredScopes", "missingScopes"),
    },
    answer: ({ scopes, key }) => missingScopes(scopes, key),
  },
  gated: {
    label: "403 feature gated",
    parameters: {},
    answer: () => apiError(403, "GATED", "This account does not have access to this feature."),
  },
  locked: {
    label: "423 record locked",
    parameters: {},
    answer: () => apiError(423, "LOCKED", "This resource is locked. Try again in two seconds."),
  },
  migration: {
    label: "477 account migration",
    parameters: { retryAfterSeconds: integer(3_600, 0, 86_400) },
    answer: ({ retryAfterSeconds }) =>
      withHeaders(apiError(477, "MIGRATION_IN_PROGRESS", "This account is being migrated between data centers."), {
        "retry-after": String(retryAfterSeconds),
      }),
  },
  partial: {
    label: "207 with an error inside",
    parameters: {},
    answer: (_, { operate }) => ({
      ...editMembers(operate(), (members) => [...members, ["numErrors", 1], ["errors", PARTIAL_ERRORS]]),
      status: 207,
    }),
  },
  "error-as-success": {
    label: "200 with an error's body",
    parameters: {},
    answer: () => ({ ...apiError(500, "INTERNAL_ERROR", "internal error"), status: 200 }),
  },
  "token-error": {
    label: "Token endpoint refuses",
    parameters: {
      status: choice(
        "BAD_REFRESH_TOKEN",
        "BAD_AUTH_CODE",
        "BAD_HUB",
        "BAD_CLIENT_ID",
        "BAD_CLIENT_SECRET",
        "BAD_REDIRECT_URI",
        "BAD_CODE_VERIFIER",
        "BAD_SCOPES",
        "BAD_GRANT_TYPE",
      ),
      httpStatus: integer(0, 0, MAX_STATUS),
    },
    answer: (fault, { settings }) => {
      const usual = tokenError(fault.status, settings);
      return fault.httpStatus === 0 ? usual : { ...usual, status: fault.httpStatus };
    },
  },
  "v1-sunset": {
    label: "404 as after the end of v1",
    parameters: {},
    answer: (_, { request }) => routeNotFound(request.method, request.path),
  },
  "duplicate-keys": {
    label: "Every member twice",
    parameters: { real: choice("last", "first") },
    answer: ({ real }, { operate }) =>
      editMembers(operate(), (members) =>
        members.flatMap(([name, value]): Members => {
          const decoy = [name, null] as const;
          return real === "last" ? [decoy, [name, value]] : [[name, value], decoy];
        }),
      ),
  },
  "missing-fields": {
    label: "Answer without some members",
    parameters: { fields: texts("hub_id", "scopes", "token_type", "token_use") },
    answer: ({ fields }, { operate }) => editMembers(operate(), (members) => members.filter(([name]) => !fields.includes(name))),
  },
  oversized: {
    label: "Answer far too large",
    parameters: { bytes: integer(67_108_864, 1, 1_073_741_824) },
    answer: ({ bytes }, { operate }) => {
      const operated = operate();
      return { ...operated, body: Buffer.concat([Buffer.alloc(bytes, " "), Buffer.from(operated.body)]) };
    },
  },
  answer: {
    label: "Any answer",
    parameters: {
      status: integer(0, 0, MAX_STATUS),
      headers: { type: "headers", default: {} },
      body: { type: "json", default: undefined },
      process: flag(false),
    },
    answer: (fault, { operate }) => {
      const replaces = fault.status !== 0 || fault.body !== undefined;
      const operated = fault.process || !replaces ? operate() : undefined;
      const headers = Object.fromEntries(Object.entries(fault.headers).map(([name, value]) => [name.toLowerCase(), value]));
      if (!replaces && operated !== undefined) return withHeaders(operated, headers);
      const code = fault.status === 0 ? 200 : fault.status;
      if (fault.body === undefined) return empty(code, headers);
      if (typeof fault.body !== "string") return json(code, fault.body, headers);
      return { status: code, headers: { "content-type": "text/plain;charset=utf-8", ...headers }, body: fault.body };
    },
  },
};

/** Every kind of fault, as data. */
export const FAULT_KINDS: readonly FaultKind[] = Object.entries(ROWS).map(([kind, { label, parameters }]) => ({
  kind: kind as Fault["kind"],
  label,
  parameters,
}));

/** The answer of a fault, ready to be asked for. Throws a `TypeError` that names what is wrong with it. */
export function readFault(fault: Fault | undefined): (context: FaultContext) => EmulatorResponse {
  if (typeof fault !== "object" || fault === null) throw new TypeError("fault must be an object with a kind; see emulator.faults.kinds");
  const row = Object.hasOwn(ROWS, fault.kind) ? (ROWS[fault.kind] as Row<Fault>) : undefined;
  if (row === undefined) throw new TypeError(`fault: there is no kind ${JSON.stringify(fault.kind)}; see emulator.faults.kinds`);
  const complete = completeParameters(row.parameters, fault as unknown as Readonly<Record<string, unknown>>);
  const parameters = complete as unknown as Required<Parameters<Fault>>;
  return (context) => row.answer(parameters, context);
}

type Members = readonly (readonly [name: string, value: unknown])[];

const NOTHING: EmulatorResponse = { status: 0, headers: {}, body: "" };
const PARTIAL_ERRORS = [
  {
    status: "error",
    category: "OBJECT_NOT_FOUND",
    message: "Could not get some objects, they may be deleted or not exist.",
    context: { ids: ["0"] },
  },
];

/** Writes a JSON object's members anew; what is no JSON object stays as it is. */
function editMembers(response: EmulatorResponse, edit: (members: Members) => Members): EmulatorResponse {
  if (typeof response.body !== "string" || !response.body.startsWith("{")) return response;
  const members = edit(Object.entries(JSON.parse(response.body) as object));
  const written = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return { ...response, body: `{${written.join(",")}}` };
}

function cut(response: EmulatorResponse, end: "reset" | "closed" | "close-delimited"): EmulatorResponse {
  return { ...response, delivery: { kind: "cut", bytes: Math.floor(Buffer.byteLength(response.body) / 2), end } };
}

function withHeaders(response: EmulatorResponse, headers: Readonly<Record<string, string>>): EmulatorResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}

function retryAfterHeader(value: string): Record<string, string> {
  return value === "" ? {} : { "retry-after": value };
}
