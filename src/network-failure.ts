/**
 * Turns whatever a dispatcher or a `fetch` throws into a `NetworkError` that says how far the request got, and keeps nothing of the
 * original but its class, its code and a message that was searched for our secrets: undici's parser errors carry raw response bytes.
 */
import { NetworkError, type NetworkPhase } from "./errors.js";
import { safeText } from "./safe-text.js";

/** What is read of the request that failed. */
interface FailedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_OSSL|HOSTNAME_MISMATCH|EPROTO)/;
const NOT_CONNECTED = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "UND_ERR_CONNECT_TIMEOUT"]);

const PLAIN_HEADERS = new Set(["accept", "content-type", "user-agent"]);

/**
 * @param progress.started whether the request was on a connection; `undefined` when nobody can say (a `fetch`).
 * @param progress.answered whether response headers came.
 */
export function networkError(
  error: unknown,
  request: FailedRequest,
  progress: { readonly started: boolean | undefined; readonly answered: boolean },
): NetworkError {
  const { code, failure } = rootOf(error);
  const phase = phaseOf(code, progress);
  const neverSent = progress.started === false || ["dns", "connect", "tls"].includes(phase);
  const what = progress.answered
    ? "broke off while HubSpot's answer was read"
    : neverSent
      ? "could not be sent to HubSpot"
      : "got no answer from HubSpot";
  const path = request.path.split("?", 1)[0] ?? "";
  const sent = progress.answered || !neverSent;
  // The caller has to know that sending it again may do it twice.
  const doubt = sent && !progress.answered && (request.method === "POST" || request.method === "PATCH");
  return new NetworkError(
    `${request.method} ${path} ${what} (${code ?? failure.name}).${doubt ? " HubSpot may have carried it out." : ""}`,
    {
      phase,
      sent,
      cause: cleaned(failure, code, request),
    },
  );
}

function phaseOf(code: string | undefined, progress: { readonly started: boolean | undefined; readonly answered: boolean }): NetworkPhase {
  if (progress.answered) return "body";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns";
  if (code !== undefined && TLS_CODE.test(code)) return "tls";
  if (progress.started === false || (code !== undefined && NOT_CONNECTED.has(code))) return "connect";
  return code === "EPIPE" ? "request" : "response";
}

/** The innermost error that has a code: `fetch` wraps it in causes, Happy Eyeballs in an AggregateError. */
function rootOf(error: unknown): { readonly code: string | undefined; readonly failure: Error } {
  let failure = error instanceof Error ? error : new Error("not an Error");
  for (let depth = 0; depth < 4; depth++) {
    const code = (failure as { code?: unknown }).code;
    const inner: unknown = failure instanceof AggregateError ? failure.errors[0] : failure.cause;
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return { code, failure };
    if (!(inner instanceof Error)) break;
    failure = inner;
  }
  return { code: undefined, failure };
}

function cleaned(failure: Error, code: string | undefined, request: FailedRequest): Error {
  const clean = new Error(safeText(failure.message, secretsIn(request)) ?? "[message withheld]");
  clean.name = failure.name;
  clean.stack = `${clean.name}: ${clean.message}`;
  if (code !== undefined) Object.assign(clean, { code });
  return clean;
}

/** Everything in a request that must not be quoted: the credential, the query, and the values of a form. */
export function secretsIn(request: FailedRequest): string[] {
  const query = request.path.split("?")[1];
  const found = Object.entries(request.headers).flatMap(([name, value]) =>
    PLAIN_HEADERS.has(name) ? [] : [value, value.replace(/^\w+ /, "")],
  );
  if (query !== undefined) found.push(query, ...new URLSearchParams(query).values());
  if (typeof request.body === "string" && request.headers["content-type"]?.includes("urlencoded") === true) {
    found.push(request.body, ...new URLSearchParams(request.body).values());
  }
  return found.filter((value) => value.length > 3);
}
