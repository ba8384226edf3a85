/** Finds secrets in texts: as they are, percent-encoded, in base64 and base64url, whole or cut short. */

/** Something that could end in a log. */
export interface Place {
  readonly kind: "error" | "event" | "output" | "URL" | "warning";
  readonly text: string;
}

/** So much of a secret is enough to tell; what is shorter is no secret. */
const TELLING = 16;

/** What stands where, in words that do not repeat it. `secrets`: each with what it is. */
export function findSecrets(places: readonly Place[], secrets: ReadonlyMap<string, string>): string[] {
  const beginnings = new Map<string, string>();
  for (const [secret, what] of secrets) {
    for (const spelling of spellingsOf(secret)) {
      if (spelling.length >= TELLING) beginnings.set(spelling.slice(0, TELLING), what);
    }
  }
  if (beginnings.size === 0) return [];
  return places.flatMap(({ kind, text }) => {
    for (let index = 0; index + TELLING <= text.length; index++) {
      const what = beginnings.get(text.slice(index, index + TELLING));
      if (what !== undefined) return [`${what} in ${kind}: ${text.slice(Math.max(0, index - 120), index)}[...]`];
    }
    return [];
  });
}

function spellingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    bytes.toString("base64"),
    bytes.toString("base64url"),
  ];
}
