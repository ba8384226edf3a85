/** Path, query and headers of a call: what goes on the wire, and what is refused before anything does. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Query, requestHeaders, requestTarget } from "../../src/http/request-target.js";
import { refusal } from "./support.js";

const ORIGIN = "https://api.hubapi.com";

describe("path and query", () => {
  it.each<[string, string, Query | undefined, string]>([
    ["a path alone", "/crm/v3/objects/contacts", undefined, "/crm/v3/objects/contacts"],
    ["the root", "/", undefined, "/"],
    ["a path with a query of its own", "/a?b=c", undefined, "/a?b=c"],
    ["a query beside the path's own", "/a?b=c", { d: "e" }, "/a?b=c&d=e"],
    ["an encoded id", `/a/${encodeURIComponent("x/y?z#@é")}`, undefined, "/a/x%2Fy%3Fz%23%40%C3%A9"],
    ["a space as %20, never as +", "/a", { q: "two words", "k k": 1 }, "/a?q=two%20words&k%20k=1"],
    ["a literal plus as %2B", "/a", { q: "a+b" }, "/a?q=a%2Bb"],
    ["numbers and booleans", "/a", { limit: 10, archived: false, zero: 0 }, "/a?limit=10&archived=false&zero=0"],
    ["an empty string", "/a", { q: "" }, "/a?q="],
    ["null and undefined as nothing", "/a", { a: null, b: undefined, c: 1 }, "/a?c=1"],
    ["a query of nothing", "/a", { a: undefined }, "/a"],
    ["an array repeated", "/a", { properties: ["email", "first name", 3] }, "/a?properties=email&properties=first%20name&properties=3"],
    ["an empty array as nothing", "/a", { properties: [] }, "/a"],
    ["URLSearchParams, repeated names and order kept", "/a", new URLSearchParams("b=1 2&a=+&b=3"), "/a?b=1%202&a=%20&b=3"],
    ["what would end or split a query", "/a", { "a&b": "c=d#e" }, "/a?a%26b=c%3Dd%23e"],
    ["line breaks and NUL, encoded", "/a", { q: "a\r\nb\0" }, "/a?q=a%0D%0Ab%00"],
    ["a full URL on the origin (paging.next.link)", `${ORIGIN}/crm/v3?after=1`, { limit: 2 }, "/crm/v3?after=1&limit=2"],
  ])("%s", (_, path, query, target) => {
    expect(requestTarget(ORIGIN, path, query, undefined)).toBe(target);
  });

  it("the credential's parameters come on top", () => {
    expect(requestTarget(ORIGIN, "/a?b=c", { d: "e" }, { hapikey: "k/1" })).toBe("/a?b=c&d=e&hapikey=k%2F1");
    expect(requestTarget(ORIGIN, "/a", undefined, { hapikey: "k" })).toBe("/a?hapikey=k");
  });

  it.each([
    ["nothing", ""],
    ["no slash", "crm/v3"],
    ["another origin", "https://evil.example/crm"],
    ["another scheme", "http://api.hubapi.com/crm"],
    ["SS-03 the origin as a prefix of another", "https://api.hubapi.com.evil.example/crm"],
    ["SS-03 the origin as user name", "https://api.hubapi.com@evil.example/crm"],
    ["SS-03 a user name on the origin", "https://user@api.hubapi.com/crm"],
    ["another port", "https://api.hubapi.com:8443/crm"],
    ["another port, none given", "https://api.hubapi.com:/crm"],
    ["a trailing dot", "https://api.hubapi.com./crm"],
    ["the origin in capitals", "https://API.HUBAPI.COM/crm"],
    ["the origin without a path", ORIGIN],
    ["a network path", "//evil.example/crm"],
    ["a network path behind the origin", `${ORIGIN}//evil.example`],
    ["a backslash", "\\\\evil.example"],
    ["a backslash after the slash", "/\\evil.example"],
    ["a backslash inside", "/crm\\..\\oauth"],
    ["dot segments", "/crm/../oauth/v1/token"],
    ["dot segments at the end", "/crm/.."],
    ["one dot", "/crm/./x"],
    ["encoded dot segments", "/crm/%2e%2e/oauth"],
    ["half-encoded dot segments", "/crm/.%2E/oauth"],
    ["dot segments before a query", "/crm/..?a=b"],
    ["a fragment", "/crm#x"],
    ["a fragment in the query", "/crm?a=b#x"],
    ["a space", "/crm v3"],
    ["a line break", "/crm\r\nx: y"],
    ["a line break at the end", "/crm\n"],
    ["a tab", "/cr\tm"],
    ["NUL", "/crm\0"],
    ["letters that must be encoded", "/crm/é"],
    ["a full-width solidus", "/\uff0fevil.example"],
    ["javascript:", "javascript:alert(1)"],
    ["no string", undefined as unknown as string],
    ["a URL object", new URL(ORIGIN) as unknown as string],
  ])("HX-03 %s is no path: a TypeError that names it", (_, path) => {
    const message = refusal(() => requestTarget(ORIGIN, path, undefined, undefined));
    expect(message).toMatch(/^path must begin with one "\/" and stay on https:\/\/api\.hubapi\.com/);
    expect(message).not.toContain("evil");
  });

  it("HX-03 property: whatever the path, the request stays on the origin and its path is sent as written, or nothing is", () => {
    const fragment = fc.constantFrom(
      "/",
      "//",
      "\\",
      "@",
      ":",
      "?",
      "#",
      ".",
      "..",
      "%2e",
      "%2F",
      "%5c",
      "a",
      "é",
      "\n",
      "\r",
      "\0",
      " ",
      "evil.example",
      ORIGIN,
    );
    const paths = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.array(fragment, { maxLength: 8 }).map((parts) => parts.join("")),
      fc.array(fragment).map((parts) => `/${parts.join("")}`),
    );
    let sent = 0;
    fc.assert(
      fc.property(paths, (path) => {
        let target: string;
        try {
          target = requestTarget(ORIGIN, path, undefined, undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          return;
        }
        sent++;
        const url = new URL(ORIGIN + target);
        expect([url.origin, url.username, url.hash]).toEqual([ORIGIN, "", ""]);
        expect(target.startsWith(url.pathname)).toBe(true);
      }),
      { numRuns: 500 },
    );
    expect(sent).toBeGreaterThan(5);
  });

  it("property: what a query says is what the server reads", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        const query = Object.fromEntries(pairs);
        const target = requestTarget(ORIGIN, "/a", query, undefined);
        expect(target).toMatch(/^[\u0021-\u007e]+$/);
        expect(Object.fromEntries(new URL(ORIGIN + target).searchParams)).toEqual(query);
      }),
    );
  });

  it.each<[string, unknown]>([
    ["an object", { q: { secret: 1 } }],
    ["a nested array", { q: [["secret"]] }],
    ["null in an array", { q: [null] }],
    ["a date", { q: new Date(0) }],
    ["a bigint", { q: 10n }],
    ["a symbol", { q: Symbol("secret") }],
  ])("a query value that is %s is refused by name", (_, query) => {
    expect(refusal(() => requestTarget(ORIGIN, "/a", query as Query, undefined))).toMatch(/^query\.q must be a string, a number/);
  });

  it("a query value that is half a character is refused by name", () => {
    expect(refusal(() => requestTarget(ORIGIN, "/a", { q: "\ud800" }, undefined))).toContain("query.q");
  });
});

describe("headers", () => {
  const reserved = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
  ];

  it("go out in lower case, values as they are", () => {
    expect(requestHeaders({ "X-Request-ID": "a b", "Content-Type": "text/csv", Accept: "", "x-tab": "a\tb", "x-latin": "é" })).toEqual({
      "x-request-id": "a b",
      "content-type": "text/csv",
      accept: "",
      "x-tab": "a\tb",
      "x-latin": "é",
    });
  });

  it("HX-05 property: a reserved header is refused in any letter case, and its value not quoted", () => {
    const anyCase = fc
      .constantFrom(...reserved)
      .chain((name) =>
        fc
          .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
          .map((upper) => upper.map((is, at) => (is ? name.charAt(at).toUpperCase() : name.charAt(at))).join("")),
      );
    fc.assert(
      fc.property(anyCase, (name) => {
        const message = refusal(() => requestHeaders({ "x-a": "1", [name]: "canary-value" }));
        expect(message).toMatch(new RegExp(`^headers\\.${name} cannot be set`));
        expect(message).not.toContain("canary");
      }),
    );
  });

  it("HX-04 property: a line break, NUL or other control character anywhere in a value is refused by name, and the value not quoted", () => {
    const control = fc
      .integer({ min: 0, max: 0x1f })
      .filter((code) => code !== 9)
      .map((code) => String.fromCodePoint(code));
    const bad = fc.tuple(fc.string(), fc.oneof(control, fc.constantFrom("\u007f", "\u2028", "Ā", "\ud800")), fc.string());
    fc.assert(
      fc.property(bad, ([before, character, after]) => {
        const message = refusal(() => requestHeaders({ "x-a": `canary${before}${character}${after}` }));
        expect(message).toMatch(/^headers\.x-a must be a string without line breaks/);
        expect(message).not.toContain("canary");
      }),
    );
  });

  it.each(["", " ", "a b", "a:b", "a\r\nb", "a\nb", "a\0", "é", "a\u2028b", "(a)", "a/b", "a=b"])("HX-04 %j is no header name", (name) => {
    expect(refusal(() => requestHeaders({ [name]: "canary" }))).toBe(`headers: ${JSON.stringify(name)} is not a header name.`);
  });

  it.each<unknown>([undefined, null, 1, ["a"], {}])("a value that is %j is refused by name", (value) => {
    expect(refusal(() => requestHeaders({ "x-a": value as string }))).toMatch(/^headers\.x-a must be a string/);
  });

  it("a name given in two letter cases is refused", () => {
    expect(refusal(() => requestHeaders({ "X-A": "1", "x-a": "2" }))).toMatch(/^headers\.x-a is given twice/);
  });

  it.each(["constructor"])("%s is a name like any other", (name) => {
    expect(requestHeaders({ [name]: "1" })).toEqual({ [name]: "1" });
  });

  it("__proto__ is a name like any other and changes no prototype", () => {
    const headers = requestHeaders(JSON.parse('{"__proto__":"x"}') as Record<string, string>);
    expect(Object.entries(headers)).toEqual([["__proto__", "x"]]);
    expect(Object.getPrototypeOf(headers)).toBeNull();
  });
});
