/**
 * What a server's sentence must go through before it may stand in an error, a log or an event.
 * Used for HubSpot's `error_description` and `message`, and for the callback's query parameters.
 */

const MAX_LENGTH = 200;

/**
 * One printable line of at most 200 characters, or `undefined` when `value` is not a string, is empty, or quotes one of `secrets`
 * (as it is, percent-encoded or in base64): a server that echoes our request must not put a secret into our logs.
 */
export function safeText(value: unknown, secrets: readonly (string | undefined)[] = []): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  for (const secret of secrets) {
    // Nobody's secret is shorter, and "r" stands in every sentence.
    if (secret !== undefined && secret.length > 3 && quotes(value, secret)) return undefined;
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  const line = value.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
  if (line === "") return undefined;
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1)}…`;
}

/** A short machine word such as `invalid_grant` or a correlation id, or `undefined` when it is anything else. */
export function safeWord(value: unknown, secrets: readonly (string | undefined)[] = []): string | undefined {
  return typeof value === "string" && /^[\w.:-]{1,100}$/.test(value) ? safeText(value, secrets) : undefined;
}

/** An account id as it may stand in a message: one line, at most 64 characters. */
export function quotedId(id: string): string {
  const text = JSON.stringify(id);
  return text.length <= 66 ? text : `${text.slice(0, 65)}…"`;
}

function quotes(text: string, secret: string): boolean {
  const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
  return [secret, encodeURIComponent(secret), base64, base64.replaceAll("+", "-").replaceAll("/", "_")].some((form) => text.includes(form));
}
