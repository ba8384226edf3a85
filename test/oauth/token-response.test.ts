/** What a token response may look like, and what it is refused for. The design decides where RFC 6749 is stricter (`token_type` may be missing). */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { MalformedResponseError, type TokenSet } from "../../src/index.js";
import { begin, failureOf } from "../client/flow.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const JSON_TYPE = { "content-type": "application/json" };
const GOOD = {
  access_token: "an-access-token",
  refresh_token: "a-refresh-token",
  expires_in: 1_800,
  token_type: "bearer",
  hub_id: 24681012,
  scopes: ["oauth", "crm.objects.contacts.read"],
};

/** Refreshes against an endpoint that answers 200 with this. */
async function refreshAnswered(body: unknown, headers: Record<string, string> = JSON_TYPE): Promise<TokenSet> {
  const emulator = await emulate();
  emulator.respondOnce("token", { status: 200, body: typeof body === "string" ? body : JSON.stringify(body), headers });
  return clientOf(emulator).oauth.refresh("the-refresh-token");
}

describe("TR-01 only a 200 with an access token is success", () => {
  it.each([
    ["error beside status 200", { error: "invalid_grant", error_description: "no" }],
    ["error beside tokens", { ...GOOD, error: "invalid_grant" }],
    ["an object for an error", { ...GOOD, error: { code: 1 } }],
    ["nothing", {}],
    ["no access token", { ...GOOD, access_token: undefined }],
    ["an access token that is null", { ...GOOD, access_token: null }],
    ["an empty access token", { ...GOOD, access_token: "" }],
    ["a number for an access token", { ...GOOD, access_token: 1 }],
  ])("%s", async (_name, body) => {
    const error = await failureOf(refreshAnswered(body));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({ status: 200, retryable: false });
  });

  it.each([201, 202, 203, 204, 206])("status %i", async (status) => {
    const emulator = await emulate();
    emulator.respondOnce("token", status === 204 ? { status } : { status, body: GOOD });
    await expect(clientOf(emulator).oauth.refresh("r")).rejects.toMatchObject({ code: "token_request_failed", status });
  });
});

describe("TR-02 a body that is not JSON is malformed, and not quoted", () => {
  it.each([
    ["a login page", "<html>CANARY</html>", "text/html"],
    ["JSON called HTML", JSON.stringify({ ...GOOD, note: "CANARY" }), "text/html; charset=utf-8"],
    ["text that is no JSON", "token CANARY", "text/plain"],
    ["JSON called by a name that contains json", JSON.stringify({ ...GOOD, note: "CANARY" }), "application/jsonp"],
    ["a form", "access_token=CANARY", "application/x-www-form-urlencoded"],
    ["nothing at all", "", "application/json"],
    ["half an object", '{"access_token":"CANARY', "application/json"],
  ])("%s", async (_name, body, type) => {
    const error = await failureOf(refreshAnswered(body, { "content-type": type }));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain("CANARY");
  });

  it.each(["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/hal+json", "text/plain"])(
    "%s is",
    async (type) => {
      expect((await refreshAnswered(GOOD, { "content-type": type })).accessToken).toBe("an-access-token");
    },
  );
});

describe("TR-03 an answer without end is cut at 64 KiB", () => {
  test("a stream of 100 MB", async () => {
    let written = 0;
    const server = createServer((_request, response) => {
      response.writeHead(200, JSON_TYPE);
      const more = (): void => {
        while (written < 100 * 1024 * 1024 && !response.destroyed) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536, " "))) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const apiOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { oauth } = clientOf(await emulate(), { apiOrigin });
    const error = await failureOf(oauth.refresh("r"));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error.message).toContain("larger than 65536 bytes");
    expect(written).toBeLessThan(20 * 1024 * 1024);
  });

  test("a length that says so", async () => {
    const error = await failureOf(refreshAnswered(" ".repeat(65_537) + JSON.stringify(GOOD)));
    expect(error.message).toContain("larger than 65536 bytes");
  });

  test("a compressed body, which was not asked for", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end(gzipSync(JSON.stringify(GOOD)));
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const apiOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(clientOf(await emulate(), { apiOrigin }).oauth.refresh("r")).rejects.toThrow(/content-encoding/);
  });
});

describe("TR-04 the body is one JSON object in UTF-8", () => {
  it.each([
    ["null", "null"],
    ["an array", JSON.stringify([GOOD])],
    ["a string", '"x"'],
    ["a number", "1"],
    ["two byte order marks", `\ufeff\ufeff${JSON.stringify(GOOD)}`],
    ["a lone surrogate in the token", '{"access_token":"a\\ud800b"}'],
    ["two objects", `${JSON.stringify(GOOD)}${JSON.stringify(GOOD)}`],
  ])("%s is refused", async (_name, body) => {
    expect(await failureOf(refreshAnswered(body))).toBeInstanceOf(MalformedResponseError);
  });

  test("a byte order mark does no harm", async () => {
    expect((await refreshAnswered(`\ufeff${JSON.stringify(GOOD)}`)).accessToken).toBe("an-access-token");
  });

  test("bytes that are no UTF-8 are refused", async () => {
    const server = createServer((_request, response) => {
      const [before, after] = JSON.stringify({ ...GOOD, note: "@" }).split("@");
      response.writeHead(200, JSON_TYPE).end(Buffer.concat([Buffer.from(before ?? ""), Buffer.from([0xff]), Buffer.from(after ?? "")]));
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const apiOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await failureOf(clientOf(await emulate(), { apiOrigin }).oauth.refresh("r"))).toBeInstanceOf(MalformedResponseError);
  });
});

describe("TR-05 a token that could not travel in a header is refused before store and wire", () => {
  it.each(["a\r\nX: y", "a b", "a\u0000b", "a\tb", "ä", " a", "a\n", "a\u007f"])("%j", async (token) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    for (const field of ["access_token", "refresh_token"]) {
      emulator.settings.tokenResponse = (body) => ({ ...body, [field]: token });
      const flow = await begin(oauth, emulator);
      const error = await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie }));
      expect(error).toBeInstanceOf(MalformedResponseError);
      expect(error.message).toContain(field);
    }
    for await (const id of store.list()) expect.fail(`stored ${id}`);
  });
});

describe("TR-06 a token_type may be missing, as in HubSpot's oldest bodies, but not be another one", () => {
  it.each(["bearer", "Bearer", "BEARER", undefined, null, ""])("%s is accepted", async (type) => {
    expect((await refreshAnswered({ ...GOOD, token_type: type })).accessToken).toBe("an-access-token");
  });

  it.each(["mac", "DPoP", "bearer2", "N_A", 1, ["bearer"]])("%s is refused", async (type) => {
    await expect(refreshAnswered({ ...GOOD, token_type: type })).rejects.toThrow(/token_type/);
  });
});

describe("TR-07 whatever expires_in says, the tokens are kept", () => {
  const DEFAULT = 1_800_000;
  it.each([
    ["1800", 1_800_000],
    ["1", 1_000],
    ["0.0001", 1_000],
    ['"1800"', 1_800_000],
    ['" 60 "', 60_000],
    ["86400", 86_400_000],
    ["86401", 86_400_000],
    ["1e300", 86_400_000],
    ["1e400", DEFAULT],
    ["0", DEFAULT],
    ["-1", DEFAULT],
    ['"-1"', DEFAULT],
    ['"soon"', DEFAULT],
    ['""', DEFAULT],
    ["null", DEFAULT],
    ["true", DEFAULT],
    ["{}", DEFAULT],
    ["[1800]", DEFAULT],
  ])("expires_in %s means %i ms", async (expiresIn, expiresInMs) => {
    const tokens = await refreshAnswered(`{"access_token":"a","refresh_token":"r","expires_in":${expiresIn}}`);
    expect(tokens).toMatchObject({ expiresInMs, accessToken: "a", refreshToken: "r" });
  });

  test("without it the token lives half an hour", async () => {
    expect((await refreshAnswered({ access_token: "a" })).expiresInMs).toBe(DEFAULT);
  });
});

test("the oldest documented body is enough: access_token, refresh_token, expires_in", async () => {
  const tokens = await refreshAnswered({ access_token: "a", refresh_token: "r", expires_in: 60 });
  expect(tokens.reveal()).toEqual({ accessToken: "a", refreshToken: "r", expiresAtMs: tokens.obtainedAtMs + 60_000 });
});

test("TR-08 members nobody asked for change nothing", async () => {
  const extra = Object.fromEntries(Array.from({ length: 1_000 }, (_value, index) => [`member_${index}`, index]));
  const odd = JSON.stringify({ ...GOOD, ...extra }).replace(
    "{",
    '{"__proto__":{"access_token":"evil","polluted":1},"constructor":1,"toString":null,',
  );
  const tokens = await refreshAnswered(odd);
  expect(tokens.accessToken).toBe("an-access-token");
  expect(Object.prototype).not.toHaveProperty("polluted");
  expect(await failureOf(refreshAnswered('{"__proto__":{"access_token":"evil"}}'))).toBeInstanceOf(MalformedResponseError);
});

test("TR-09 a refresh without a refresh token keeps the old one, and one with another replaces it in the same write", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const first = store.get(id);
  emulator.settings.tokenResponse = ({ refresh_token: _dropped, ...body }) => body;
  const second = await oauth.getAccessToken(id, { force: true });
  expect(store.get(id)).toMatchObject({ accessToken: second, refreshToken: first?.refreshToken });
  emulator.settings.tokenResponse = (body) => ({ ...body, refresh_token: "another" });
  const third = await oauth.getAccessToken(id, { force: true });
  expect(store.get(id)).toMatchObject({ accessToken: third, refreshToken: "another" });
});

describe("TR-10 the scopes that were granted are what is recorded, whatever was asked for", () => {
  it.each([
    ["an array", { scopes: ["oauth", "a"] }, ["oauth", "a"]],
    ["a string of RFC 6749", { scopes: undefined, scope: "oauth a" }, ["oauth", "a"]],
    ["both: HubSpot's own field counts", { scopes: ["oauth"], scope: "oauth b" }, ["oauth"]],
    ["none", { scopes: undefined }, undefined],
    ["nonsense, which is dropped", { scopes: 1 }, undefined],
    ["an empty array", { scopes: [] }, []],
  ])("%s", async (_name, change, expected) => {
    expect((await refreshAnswered({ ...GOOD, ...change })).scopes).toEqual(expected);
  });

  test("fewer than asked for: the result and the record say so", async () => {
    const emulator = await emulate({ accounts: [{ unavailableScopes: ["tickets"] }] });
    const { oauth, store } = clientOf(emulator, { optionalScopes: ["tickets"] });
    const flow = await begin(oauth, emulator);
    const done = await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
    expect(done.scopes).toEqual(["oauth", "crm.objects.contacts.read"]);
    expect(store.get(done.accountId)?.scopes).toEqual(done.scopes);
  });
});

test("TR-11 tokens of 8 KB survive exchange, store and refresh", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const long = "t".repeat(8_192);
  emulator.settings.tokenResponse = (body) => ({ ...body, access_token: `${long}a`, refresh_token: `${long}r` });
  const id = await connect(oauth, emulator);
  expect(store.get(id)).toMatchObject({ accessToken: `${long}a`, refreshToken: `${long}r` });
  expect(await oauth.getAccessToken(id)).toBe(`${long}a`);
});

describe("TR-13 ids are strings and lose no digit", () => {
  it.each([
    ["24681012", "24681012"],
    ["9007199254740991", "9007199254740991"],
    ['"9007199254740993"', "9007199254740993"],
  ])("hub_id %s is %s", async (hubId, expected) => {
    expect((await refreshAnswered(`{"access_token":"a","hub_id":${hubId}}`)).hubId).toBe(expected);
  });

  it.each(["9007199254740993", "1.5", "-1", "1e30", '"12a"', '"../1"', "{}", "[1]", "true"])("hub_id %s is malformed", async (hubId) => {
    await expect(refreshAnswered(`{"access_token":"a","hub_id":${hubId}}`)).rejects.toThrow(/hub_id/);
  });

  test("a user id that is odd is dropped, since the rest still says whose tokens these are", async () => {
    const tokens = await refreshAnswered('{"access_token":"a","hub_id":1,"user_id":9007199254740993}');
    expect([tokens.hubId, tokens.userId]).toEqual(["1", undefined]);
  });
});
