/** The sweep over the whole suite (test/support/canaries) finds what it looks for: it must not be quiet because it is blind. */
import { expect, test } from "vitest";
import { findSecrets } from "./support/canaries/search.js";

const SECRET = "na1-0123+4567/89ab cdef-canary";
const secrets = new Map([[SECRET, "refresh token"]]);
const find = (text: string): string[] => findSecrets([{ kind: "output", text }], secrets);

test.each([
  ["as it is", SECRET],
  ["percent-encoded", encodeURIComponent(SECRET)],
  ["in base64", Buffer.from(SECRET).toString("base64")],
  ["in base64url", Buffer.from(SECRET).toString("base64url")],
  ["cut short", SECRET.slice(0, 20)],
])("finds a secret %s, and does not repeat it", (_, spelling) => {
  const found = find(`before ${spelling} after`);
  expect(found).toEqual(["refresh token in output: before [...]"]);
});

test("finds nothing where nothing is", () => {
  expect(find("na1-0123, na1-0123+4567 and canary")).toEqual([]);
  expect(findSecrets([{ kind: "error", text: "short" }], new Map([["short", "client secret"]]))).toEqual([]);
});
