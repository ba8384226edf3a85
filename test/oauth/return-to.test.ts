/** OR-01, OR-02: where a user is sent after the callback is a path of this application, whatever a browser or framework makes of it. */
import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { checkReturnTo } from "../../src/oauth/authorize.js";
import { begin, offline } from "../client/flow.js";
import { clientOf, emulate } from "../support/setup.js";

const BEFORE_THE_HOST = [
  "//",
  "///",
  "////",
  "/\\",
  "\\/",
  "\\\\",
  "/\\/",
  "/\t/",
  "/\n/",
  "/\r/",
  "\t//",
  " //",
  "/ /",
  "/%09/",
  "/%0a/",
  "/%0d/",
  "/%0d%0a/",
  "/%00/",
  "/%2f",
  "/%2F",
  "/%5c",
  "/%5C/",
  "%2f%2f",
  "/..//",
  "/.//",
  "/a/..//",
  "/a/../..//",
  "/%2e%2e//",
  "/%2e//",
  "/%2e%2e/%2f",
  "/..%2f/",
  "/.%2e/%2f",
  "/..\\",
  "https://",
  "http://",
  "HTTPS://",
  "https:",
  "https:/",
  "https:\\\\",
  "ftp://",
  "//user:pass@",
  "https://app.example.com@",
  "https://app.example.com:443@",
  "@",
  ".",
  "／／",
  "/／",
  "⁄⁄",
  "。",
  "/\u0000/",
  "/\u007f/",
  "/\u00a0/",
  "/\u200b/",
  "/\u202e/",
  "/\u2028/",
  "\ufeff//",
];

const ALONE = [
  "",
  " ",
  "settings",
  "./settings",
  "../settings",
  "?tab=1",
  "#tab",
  "/..",
  "/.",
  "/../",
  "/a/..",
  "/a/../b",
  "/a/./b",
  "/a/%2e%2e",
  "/a/%2E%2e/b",
  "/a/.%2e",
  "/a//b",
  "/a/%2fb",
  "/%",
  "/%zz",
  "/%c3",
  "/%ff",
  "/a b",
  '/a"b',
  "/a\\b",
  "/a\r\nSet-Cookie: x=y",
  "/a\nb",
  "/a%0d%0aSet-Cookie:%20x=y",
  "/ä",
  "/😀",
  "/\ud800",
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,x",
  "vbscript:x",
  "blob:https://app.example.com/x",
  "about:blank",
  "file:///etc/passwd",
  "\u0001javascript:alert(1)",
  `/${"a".repeat(1_024)}`,
];

const HOSTILE = [...BEFORE_THE_HOST.flatMap((start) => [`${start}evil.example`, `${start}evil.example/%2f..`]), ...ALONE];

describe("OR-01 a hostile returnTo is refused before anything is made", () => {
  test("the corpus has at least a hundred values", () => {
    expect(new Set(HOSTILE).size).toBeGreaterThanOrEqual(100);
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

const ORIGIN = "https://app.example.com";
const awkwardText = fc
  .array(
    fc.oneof(
      fc.constantFrom("/", "\\", "//", ".", "..", "%2f", "%5C", "%2e", "%09", "%00", "%", "?", "#", "@", ":", "evil.example", "\t", "\n"),
      fc.string({ unit: "binary", maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** What a browser, a framework that decodes, and one that normalises would make of it. */
function readings(value: string): string[] {
  const path = value.split(/[?#]/, 1)[0] ?? "";
  const decoded = decodeURIComponent(path);
  return [value, decoded, posix.normalize(decoded), decoded.replaceAll("\\", "/"), decoded.replaceAll(/[\t\r\n]/g, "")];
}

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
        for (const reading of readings(returned)) {
          expect(new URL(reading, ORIGIN).origin).toBe(ORIGIN);
          expect(new URL(ORIGIN + reading).origin).toBe(ORIGIN);
        }
      },
    ),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});
