/** OR-01, OR-02: where a user is sent after the callback is a path of this application, whatever a browser or framework makes of it. */
import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { checkReturnTo } from "../../src/oauth/authorize.js";
import { begin, offline } from "../client/flow.js";
import { clientOf, emulate } from "../support/setup.js";
import { FORMS, HOSTILE } from "./hostile-return-to.js";

const ORIGIN = "https://app.example.com";
/** Pages of applications, to which a browser may resolve what it is sent. */
const BASES = [
  `${ORIGIN}/`,
  `${ORIGIN}/oauth/callback?code=c&state=s`,
  `${ORIGIN}/a/b/c/`,
  "http://localhost:3000/oauth/callback",
  "https://app.example.com:8443/x#y",
  "https://[2001:db8::1]/x",
  "https://bücher.example/x",
];

/** What a browser, a framework that decodes, one that normalises, and one that cleans up would make of it. */
function readings(value: string): string[] {
  const path = value.split(/[?#]/, 1)[0] ?? "";
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // As it is: that is what a lenient one does.
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what some remove
  const cleaned = decoded.replaceAll(/[\u0000-\u0020]/g, "");
  const texts = [value, decoded, posix.normalize(decoded), decoded.replaceAll("\\", "/"), cleaned];
  return [...texts, ...texts.map((text) => text.normalize("NFKC"))];
}

/** Whether some reader is led to another origin than the page's, or to no page. */
function leaves(value: string): boolean {
  return readings(value).some((reading) =>
    BASES.some((base) => {
      const { origin } = new URL(base);
      return [() => new URL(reading, base), () => new URL(origin + reading)].some((read) => {
        try {
          return read().origin !== origin;
        } catch {
          return true;
        }
      });
    }),
  );
}

const awkwardText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "/",
        "\\",
        "//",
        ".",
        "..",
        "%2f",
        "%5C",
        "%2e",
        "%09",
        "%00",
        "%",
        "?",
        "#",
        "@",
        ":",
        "evil.example",
        "\t",
        "\n",
        "%ef%bc%8f",
        "／",
        "。",
      ),
      fc.constantFrom(...FORMS),
      fc.string({ unit: "binary", maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

describe("OR-01 a hostile returnTo is refused before anything is made", () => {
  test("the corpus has at least two hundred forms, and most of them would leave the origin", () => {
    expect(FORMS.length).toBeGreaterThanOrEqual(200);
    expect(FORMS.filter((value) => leaves(value)).length).toBeGreaterThanOrEqual(150);
  });

  it.each(HOSTILE.map((value) => [JSON.stringify(value), value]))("%s", async (_name, returnTo) => {
    await expect(offline().createAuthorization({ returnTo })).rejects.toThrow(/^returnTo must be a path on your own origin/);
  });
});

test.each([null, 1, {}, [], ["/a"], true, new URL("https://app.example.com/a"), Symbol("/a"), () => "/a"])(
  "OR-02 a returnTo that is no string is a TypeError: %o",
  async (value) => {
    await expect(offline().createAuthorization({ returnTo: value as never })).rejects.toThrow(TypeError);
  },
);

test.each([
  "/",
  "/settings",
  "/settings/",
  "/settings?tab=crm&next=%2Fx",
  "/a/b/c.html#part",
  "/@user",
  "/..hidden",
  "/a/...",
  "/caf%C3%A9",
  "/search?q=//x&u=https://elsewhere.example/",
  "/a%20b",
  "/a:b;c=1,d!e*f(g)'h~i",
  `/${"a".repeat(1_023)}`,
])("a path on the own origin comes back as it was given: %j", async (returnTo) => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const flow = await begin(oauth, emulator, { returnTo });
  const done = await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  expect(done.returnTo).toBe(returnTo);
});

test("OR-01 whatever is accepted stays on the origin in every reading", () => {
  let accepted = 0;
  const answer = (value: string): string | undefined => {
    try {
      return checkReturnTo(value);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return undefined;
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(
        awkwardText,
        awkwardText.map((text) => `/${text}`),
        awkwardText.map((text) => `/a/${text}`),
      ),
      (value) => {
        const returned = answer(value);
        if (returned === undefined) return;
        accepted++;
        expect(returned).toBe(value);
        expect(leaves(returned)).toBe(false);
      },
    ),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});
