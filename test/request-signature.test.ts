/** HubSpot's request signatures: HubSpot's published examples, everything that must be refused, and requests that nobody thought of. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { RequestSignatureError, verifyHubSpotSignature } from "../src/index.js";
import type { SignatureOptions, SignatureVersion, SignedHeaders, SignedRequest } from "../src/index.js";
import {
  bytesOf as bytes,
  SECRET as clientSecret,
  SENT_AT_MS as sentAtMs,
  type Unsigned,
  v1Headers,
  v2Headers,
  v3Headers,
} from "./support/hubspot-signature.js";

const url = "https://www.example.com/webhook_uri";
const now = () => sentAtMs;
const body = '{"example_field":"example_value"}';

const request: Unsigned = { method: "POST", url, body };
/** What `verifyHubSpotSignature` says of a request: its version, or the reason of its refusal. */
function verdict(change: Partial<SignatureOptions & SignedRequest>): string {
  try {
    return verifyHubSpotSignature({ clientSecret, now, headers: v3Headers(request), ...request, ...change }).version;
  } catch (error) {
    if (error instanceof RequestSignatureError) return error.reason;
    throw error;
  }
}

describe("HubSpot's examples", () => {
  const events =
    '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]';
  const older = (version: string, signature: string) => ({ "X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": version });

  it.each<[string, Unsigned, Record<string, string>, SignatureVersion]>([
    [
      "v1, a webhook",
      { method: "POST", url, body: events },
      older("v1", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
      "v1",
    ],
    ["v2, GET", { method: "GET", url, body: "" }, older("v2", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"), "v2"],
    ["v2, POST", request, older("v2", "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"), "v2"],
    [
      "v3, POST",
      request,
      {
        "X-HubSpot-Signature-v3": "iAAr/vm9iLVYRV+5o2mXGvGuMFgZpiu3UjfFa2OswfU=",
        "X-HubSpot-Request-Timestamp": String(sentAtMs),
      },
      "v3",
    ],
  ])("%s", (_, plain, headers, version) => {
    const verify = () => verifyHubSpotSignature({ clientSecret, now, ...plain, headers, versions: [version] });
    expect(verify()).toEqual({ version, sentAtMs: version === "v3" ? sentAtMs : undefined });
    expect(verdict({ ...plain, headers, versions: [version], clientSecret: `${clientSecret}y` })).toBe("mismatch");
  });
});

describe("which signature decides", () => {
  const wrongV3 = { ...v3Headers(request), "X-HubSpot-Signature-v3": `${"A".repeat(43)}=` };

  it("v3 is found by its own header, whatever the version header says", () => {
    expect(verdict({ headers: { ...v3Headers(request), "X-HubSpot-Signature-Version": "v1" } })).toBe("v3");
    expect(verdict({ headers: { ...v3Headers(request), ...v1Headers(request) } })).toBe("v3");
  });

  it("without versions only v3 is accepted, since the others can be replayed", () => {
    expect(verdict({ headers: v1Headers(request) })).toBe("unaccepted-version");
    expect(verdict({ headers: v2Headers(request) })).toBe("unaccepted-version");
  });

  it("a wrong v3 is refused although the v1 or v2 beside it is right", () => {
    for (const older of [v1Headers(request), v2Headers(request)]) {
      expect(verdict({ headers: { ...wrongV3, ...older }, versions: ["v1", "v2", "v3"] })).toBe("mismatch");
      expect(verdict({ headers: { ...wrongV3, "X-HubSpot-Signature-v3": "", ...older }, versions: ["v1", "v2", "v3"] })).toBe("malformed");
      expect(verdict({ headers: { ...older }, versions: ["v1", "v2", "v3"] })).toBe(older["X-HubSpot-Signature-Version"]);
    }
  });

  it("an expired v3 is refused although the v1 beside it is right", () => {
    const headers = { ...v3Headers(request, clientSecret, "1"), ...v1Headers(request) };
    expect(verdict({ headers, versions: ["v1", "v3"] })).toBe("expired");
  });

  it("who asks for v1 alone gets v1, whatever v3 says", () => {
    expect(verdict({ headers: { ...wrongV3, ...v1Headers(request) }, versions: ["v1"] })).toBe("v1");
    expect(verdict({ headers: v3Headers(request), versions: ["v1"] })).toBe("unaccepted-version");
  });

  it("a v2 signature is none of v1, nor the other way round", () => {
    const { "X-HubSpot-Signature": signature } = v1Headers(request);
    const headers = { "X-HubSpot-Signature": signature ?? "", "X-HubSpot-Signature-Version": "v2" };
    expect(verdict({ headers, versions: ["v1", "v2"] })).toBe("mismatch");
  });
});

describe("time", () => {
  it.each([
    [0, "v3"],
    [300_000, "v3"],
    [300_001, "expired"],
    [-300_000, "v3"],
    [-300_001, "expired"],
    [Number.MAX_SAFE_INTEGER, "expired"],
  ])("%d ms after HubSpot sent it: %s", (ms, expected) => {
    expect(verdict({ now: () => sentAtMs + ms })).toBe(expected);
  });

  it("maxAgeMs moves the window", () => {
    expect(verdict({ now: () => sentAtMs + 1_001, maxAgeMs: 1_000 })).toBe("expired");
    expect(verdict({ now: () => sentAtMs + 3_000_000, maxAgeMs: 3_000_000 })).toBe("v3");
  });

  it("the time is signed: another one is a mismatch, not a fresh request", () => {
    const headers = { ...v3Headers(request, clientSecret, "1000"), "X-HubSpot-Request-Timestamp": String(sentAtMs) };
    expect(verdict({ headers })).toBe("mismatch");
  });

  it("digits of the URL cannot be moved into the time, which is signed right behind them", () => {
    const signed = { method: "GET", url: "https://app.example.com/card?id=100", body: "" };
    const time = String(sentAtMs);
    const headers = { ...v3Headers(signed, clientSecret, time), "X-HubSpot-Request-Timestamp": `00${time}` };
    expect(verdict({ ...signed, headers: v3Headers(signed, clientSecret, time) })).toBe("v3");
    expect(verdict({ ...signed, url: "https://app.example.com/card?id=1", headers })).toBe("malformed");
  });

  it("the clock of the machine is used when no other is given", () => {
    const headers = v3Headers(request, clientSecret, String(Date.now()));
    expect(verifyHubSpotSignature({ clientSecret, ...request, headers }).version).toBe("v3");
  });
});

describe("headers", () => {
  const signature = v3Headers(request);
  const lower = Object.fromEntries(Object.entries(signature).map(([name, value]) => [name.toLowerCase(), value]));
  const upper = Object.fromEntries(Object.entries(signature).map(([name, value]) => [name.toUpperCase(), value]));

  it.each<[string, SignedHeaders]>([
    ["a Headers", new Headers(signature)],
    ["Node's request.headers", { ...lower, host: "www.example.com", "set-cookie": ["a=1", "b=2"], via: undefined }],
    ["HubSpot's letter case", signature],
    ["upper case", upper],
    ["a Map", new Map(Object.entries(signature))],
    ["pairs", Object.entries(signature)],
    ["a list of one", { ...lower, "x-hubspot-signature-v3": [signature["X-HubSpot-Signature-v3"] ?? ""] }],
    ["without a prototype", Object.assign(Object.create(null) as Record<string, string>, lower)],
  ])("%s: read", (_, headers) => {
    expect(verdict({ headers })).toBe("v3");
  });

  const other = `${"A".repeat(43)}=`;
  it.each<[string, SignedHeaders, string]>([
    ["none", {}, "missing"],
    ["only a time", { "x-hubspot-request-timestamp": String(sentAtMs) }, "missing"],
    ["only a version", { "x-hubspot-signature-version": "v3" }, "missing"],
    ["inherited ones", Object.create(lower) as Record<string, string>, "missing"],
    ["no time", { "x-hubspot-signature-v3": other }, "malformed"],
    ["a time of no digits", { ...lower, "x-hubspot-request-timestamp": "yesterday" }, "malformed"],
    ["a time with a fraction", { ...lower, "x-hubspot-request-timestamp": `${sentAtMs}.0` }, "malformed"],
    ["a negative time", { ...lower, "x-hubspot-request-timestamp": `-${sentAtMs}` }, "malformed"],
    ["a time in exponents", { ...lower, "x-hubspot-request-timestamp": "1.764e12" }, "malformed"],
    ["an endless time", { ...lower, "x-hubspot-request-timestamp": "9".repeat(400) }, "malformed"],
    ["an empty signature", { ...lower, "x-hubspot-signature-v3": "" }, "malformed"],
    ["a signature of 10 MB", { ...lower, "x-hubspot-signature-v3": "A".repeat(10_000_000) }, "malformed"],
    ["a signature in hex", { ...lower, "x-hubspot-signature-v3": "ab".repeat(32) }, "malformed"],
    ["a signature with a space", { ...lower, "x-hubspot-signature-v3": ` ${other}` }, "malformed"],
    ["two signatures in a list", { ...lower, "x-hubspot-signature-v3": [lower["x-hubspot-signature-v3"] ?? "", other] }, "malformed"],
    ["two equal ones", { ...lower, "x-hubspot-signature-v3": Array.from({ length: 2 }, () => other) }, "malformed"],
    ["two names that differ in case", { ...signature, ...lower }, "malformed"],
    ["two that Node has joined", { ...lower, "x-hubspot-signature-v3": `${lower["x-hubspot-signature-v3"]}, ${other}` }, "malformed"],
    ["two times", { ...lower, "x-hubspot-request-timestamp": [String(sentAtMs), "1"] }, "malformed"],
    ["a number", { ...lower, "x-hubspot-request-timestamp": sentAtMs as never }, "malformed"],
    ["null", { ...lower, "x-hubspot-signature-v3": null as never }, "malformed"],
    ["v1 without a version", { "x-hubspot-signature": "ab".repeat(32) }, "malformed"],
    ["v1 in capitals", { "x-hubspot-signature": "AB".repeat(32), "x-hubspot-signature-version": "v1" }, "malformed"],
    ["v1 in base64", { "x-hubspot-signature": other, "x-hubspot-signature-version": "v1" }, "malformed"],
    ["v1 of too many digits", { "x-hubspot-signature": "ab".repeat(33), "x-hubspot-signature-version": "v1" }, "malformed"],
    ["an unknown version", { "x-hubspot-signature": "ab".repeat(32), "x-hubspot-signature-version": "v4" }, "unaccepted-version"],
    ["v3 under the older name", { "x-hubspot-signature": other, "x-hubspot-signature-version": "v3" }, "unaccepted-version"],
    ["no version at all", { "x-hubspot-signature": other, "x-hubspot-signature-version": "constructor" }, "malformed"],
  ])("%s: refused", (_, headers, reason) => {
    expect(verdict({ headers, versions: ["v1", "v2", "v3"] })).toBe(reason);
  });
});

describe("the URL", () => {
  it.each([
    [
      "each of the twelve",
      `https://app.example.com/a%3Ab%2Fc%3Fd%40e%21f%24g%27h%28i%29j%2Ak%2Cl%3B?m=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B`,
    ],
    ["those that stay", "https://app.example.com/a%20b?c=%26%3D%2B%25%23%5B%5D%22%7B%7D&d=%C3%A9&e=a+b"],
    ["encoded twice", "https://app.example.com/?a=%253A%2525%252F"],
    ["order and repetition of the query", "https://app.example.com/?b=1&a=2&b=0&c&=&&d="],
    ["a second question mark", "https://app.example.com/x?y?z=%3F"],
    ["broken encoding", "https://app.example.com/%?a=%zz&b=%3"],
    ["nothing after the host", "https://app.example.com"],
    ["a port", "https://app.example.com:8443/x"],
  ])("v3 and v2 take %s as HubSpot does", (_, called) => {
    const plain = { ...request, url: called };
    expect(verdict({ ...plain, headers: v3Headers(plain) })).toBe("v3");
    expect(verdict({ ...plain, headers: v2Headers(plain), versions: ["v2"] })).toBe("v2");
  });

  it("small letters in an escape mean the same", () => {
    expect(verdict({ url: `${url}?a=%3a%2f`, headers: v3Headers({ ...request, url: `${url}?a=:/` }) })).toBe("v3");
  });

  it("a URL object is as good as its text", () => {
    expect(verdict({ url: new URL(url) })).toBe("v3");
  });

  it.each([
    ["another host", "https://www.example.org/webhook_uri"],
    ["http", "http://www.example.com/webhook_uri"],
    ["another path", `${url}/`],
    ["one more parameter", `${url}?admin=1`],
    ["capitals", "https://www.example.com/Webhook_uri"],
  ])("%s is another request", (_, called) => {
    expect(verdict({ url: called })).toBe("mismatch");
    expect(verdict({ url: called, headers: v2Headers(request), versions: ["v2"] })).toBe("mismatch");
  });
});

describe("secrets", () => {
  it("during a change either secret proves, and no third one", () => {
    for (const secret of ["old", "new"]) {
      expect(verdict({ clientSecret: ["old", "new"], headers: v3Headers(request, secret) })).toBe("v3");
      expect(verdict({ clientSecret: ["old", "new"], headers: v2Headers(request, secret), versions: ["v2"] })).toBe("v2");
    }
    expect(verdict({ clientSecret: ["old", "new"], headers: v3Headers(request, "third") })).toBe("mismatch");
  });

  it("no error quotes secret, signature, body or URL", () => {
    const secret = "CANARY-secret";
    const plain = { method: "POST", url: "https://app.example.com/CANARY-path?CANARY-query", body: "CANARY-body" };
    const headers = [
      v3Headers(plain, "another"),
      v3Headers(plain, secret, "5"),
      { ...v3Headers(plain), "X-HubSpot-Signature-v3": "CANARY-signature" },
      { "x-hubspot-signature": "ab".repeat(32), "x-hubspot-signature-version": "CANARY-version" },
      {},
    ];
    const errors = headers.map((given) => {
      try {
        return verifyHubSpotSignature({ clientSecret: secret, now, ...plain, headers: given });
      } catch (error) {
        return error;
      }
    });
    expect(errors.every((error) => error instanceof RequestSignatureError)).toBe(true);
    for (const error of errors)
      expect(`${(error as Error).stack} ${JSON.stringify(error)}`.replaceAll(/^\s+at .*$/gm, "")).not.toContain("CANARY");
  });
});

describe("arguments that cannot be right are a TypeError that says what to do", () => {
  const bad = (value: unknown) => value as never;
  it.each<[string, Partial<SignatureOptions & SignedRequest>, RegExp]>([
    ["a parsed body", { body: bad(JSON.parse(body)) }, /^body must be the raw body/],
    ["a parsed list", { body: bad([{ eventId: 1 }]) }, /^body must be the raw body/],
    ["a body that is null", { body: bad(null) }, /^body must be the raw body/],
    ["a path", { url: "/webhooks" }, /^url must be the whole public URL/],
    ["a URL without a scheme", { url: "app.example.com/webhooks" }, /^url must be the whole public URL/],
    ["a file URL", { url: "file:///webhooks" }, /^url must be the whole public URL/],
    ["no URL", { url: bad(undefined) }, /^url must be the whole public URL/],
    ["no method", { method: "" }, /^method must be/],
    ["no secret", { clientSecret: "" }, /^clientSecret must be/],
    ["an unset secret", { clientSecret: bad(undefined) }, /^clientSecret must be/],
    ["no secrets", { clientSecret: [] }, /^clientSecret must be/],
    ["an empty second secret", { clientSecret: ["one", ""] }, /^clientSecret must be/],
    ["no versions", { versions: [] }, /^versions must be/],
    ["an unknown version", { versions: bad(["v4"]) }, /^versions must be/],
    ["a version that is no list", { versions: bad("v3") }, /^versions must be/],
    ["no headers", { headers: bad(undefined) }, /^headers must be/],
    ["a window of no size", { maxAgeMs: Number.NaN }, /^maxAgeMs must be/],
    ["a window without end", { maxAgeMs: Number.POSITIVE_INFINITY }, /^maxAgeMs must be/],
    ["a time instead of a clock", { now: bad(5) }, /^now must be a function/],
    ["a misspelt option", bad({ maxAge: 5 }), /has no option "maxAge"/],
  ])("%s", (_, change, message) => {
    const options = { clientSecret, now, ...request, headers: v3Headers(request), ...change };
    expect(() => verifyHubSpotSignature(options)).toThrow(TypeError);
    expect(() => verifyHubSpotSignature(options)).toThrow(message);
  });
});

describe("any request", () => {
  const bodies = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: "binary", maxLength: 100 }), fc.json());
  const requests = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
    url: fc.webUrl({ withQueryParameters: true }),
    body: bodies,
  });
  const signers = fc.constantFrom(v1Headers, v2Headers, v3Headers);
  const versions: SignatureVersion[] = ["v1", "v2", "v3"];

  test("as signed is accepted, in text, bytes and ArrayBuffer", () => {
    fc.assert(
      fc.property(requests, signers, (plain, sign) => {
        const raw = Uint8Array.from(bytes(plain.body));
        for (const given of [plain.body, raw, raw.buffer]) {
          expect(verdict({ ...plain, body: given, headers: sign(plain), versions })).toMatch(/^v\d$/);
        }
      }),
    );
  });

  test("with any one byte of body, method, URL, time, secret or signature changed is refused", () => {
    fc.assert(
      fc.property(requests, fc.nat(), fc.integer({ min: 1, max: 255 }), (plain, where, mask) => {
        const headers = v3Headers(plain);
        const flipped = (part: string | Uint8Array): Uint8Array => {
          const copy = Uint8Array.from(bytes(part));
          copy[where % copy.length] = (copy[where % copy.length] ?? 0) ^ mask;
          return copy;
        };
        const refused = (change: Partial<SignatureOptions & SignedRequest>) =>
          expect(["mismatch", "malformed", "expired"]).toContain(verdict({ ...plain, headers, ...change }));
        if (bytes(plain.body).length > 0) refused({ body: flipped(plain.body) });
        refused({ body: Buffer.concat([bytes(plain.body), Buffer.from([mask])]) });
        refused({ method: plain.method === "GET" ? "POST" : "GET" });
        refused({ url: `${plain.url}${String.fromCodePoint(97 + (mask % 26))}` });
        refused({ clientSecret: Buffer.from(flipped(clientSecret)).toString("latin1") });
        for (const name of Object.keys(headers))
          refused({ headers: { ...headers, [name]: Buffer.from(flipped(headers[name] ?? "")).toString("latin1") } });
      }),
    );
  });

  test("whatever the headers are, the answer is a verdict", () => {
    const names = fc.constantFrom(
      "X-HubSpot-Signature",
      "x-hubspot-signature-v3",
      "X-HubSpot-Signature-Version",
      "X-HubSpot-Request-Timestamp",
      "host",
    );
    const values = fc.oneof(
      fc.string(),
      fc.constantFrom("v1", "v2", "v3", "", String(sentAtMs), "ab".repeat(32)),
      fc.array(fc.string(), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.dictionary(names, values), (headers) => {
        expect(["missing", "malformed", "unaccepted-version", "mismatch", "expired"]).toContain(verdict({ headers, versions }));
      }),
    );
  });
});
