/**
 * What went wrong in Redis, without what was sent to it: ioredis keeps the arguments of the command in its errors, and a server may quote
 * them. Only the error's code, the name of its class and a few known sentences of the drivers get through.
 */
import { HubSpotOAuthError, TokenStoreError } from "../errors.js";

/** What the drivers say with a plain `Error`, which has neither a code nor a class of its own. */
const knownMessages: ReadonlySet<string> = new Set([
  "Connection is closed.",
  "Command timed out",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "The queue is full",
]);

/** Rejects with a `TokenStoreError` that says what the driver's error said, as far as it can be said. */
export async function reducingErrors<T>(store: string, operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HubSpotOAuthError) throw error;
    const driverCode = codeOf(error);
    throw new TokenStoreError(`${store} could not ${operation}: ${driverCode ?? nameOf(error)}.`, { operation, driverCode });
  }
}

/** `ECONNREFUSED` of a socket, or the word that a Redis error begins with: `READONLY`, `OOM`, `WRONGTYPE`. */
function codeOf(error: unknown): string | undefined {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === "string" && /^\w{1,40}$/.test(code)) return code;
  return typeof message === "string" ? /^([A-Z]{2,40})(?= |$)/.exec(message)?.[1] : undefined;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown error";
  // The classes of node-redis do not set `name`.
  const name = error.name === "Error" ? error.constructor.name : error.name;
  if (knownMessages.has(error.message)) return error.message.replace(/\.$/, "");
  return /^\w{1,60}$/.test(name) ? name : "an unknown error";
}
