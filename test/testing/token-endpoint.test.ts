/** The token endpoint: bodies, errors, rotation, PKCE, switches. */

import { describe, expect, test } from "vitest";
import { authorizeUrl, call, client, connect, exchange, grantCode, post, refresh, send, start } from "./support.js";

const START_MS = Date.UTC(2026, 10, 22);

const bad = (error: string, status: string, message: string): object => ({ error, error_description: message, status, message });
const BAD_REFRESH_TOKEN = bad("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked");
const BAD_AUTH_CODE = bad("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code");
const BAD_HUB = bad("access_denied", "BAD_HUB", "missing or unknown hub id");

describe("success", () => {
  test.each(["v1", "v3", "2026-03", "2026-09"])("%s answers HubSpot's body", async (version) => {
    const emulator = await start({ now: () => START_MS });
    const code = await grantCode(emulator);
    const redirectUri = emulator.app.redirectUris[0] ?? "";
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, ...client(emulator) };
    const { status, body } = await post(emulator, `/oauth/${version}/token`, form);
    expect(status).toBe(200);
    expect(body).toEqual({
      token_type: "bearer",
      refresh_token: expect.stringMatching(/^na1-[0-9a-f-]{36}$/u) as string,
      access_token: expect.stringMatching(/^[\w-]{512,}$/u) as string,
      hub_id: 24681012,
      scopes: ["oauth", "crm.objects.contacts.read"],
      expires_in: 1800,
      token_use: "access_token",
    });
  });

  test("a refresh answers a new access token and the same refresh token", async () => {
    const emulator = await start();
    const first = await connect(emulator);
    const second = (await refresh(emulator, first.refresh_token)).body;
    expect(second["refresh_token"]).toBe(first.refresh_token);
    expect(second["access_token"]).not.toBe(first.access_token);
    expect(Object.keys(second).sort()).toEqual(Object.keys(first).sort());
  });

  test("two connections of one user share a refresh token, those of two users do not", async () => {
    const users = [
      { userId: 1, email: "a@example.com" },
      { userId: 2, email: "b@example.com" },
    ];
    const emulator = await start({ accounts: [{ users }] });
    const first = await connect(emulator, {}, { userId: 1 });
    expect((await connect(emulator, {}, { userId: 1 })).refresh_token).toBe(first.refresh_token);
    expect((await connect(emulator, {}, { userId: 2 })).refresh_token).not.toBe(first.refresh_token);
  });

  test("user_id, the lifetime and any other field are switches", async () => {
    const emulator = await start({ userIdInTokenResponse: true, accessTokenLifetimeSeconds: 60 });
    expect(await connect(emulator)).toMatchObject({ user_id: 70001, expires_in: 60 });
    emulator.settings.accessTokenLifetimeSeconds = 10;
    emulator.settings.tokenResponse = ({ refresh_token: _dropped, ...body }) => ({ ...body, expires_in: "10", extra: true });
    const body = await connect(emulator);
    expect(body).toMatchObject({ expires_in: "10", extra: true });
    expect("refresh_token" in body).toBe(false);
  });

  test("client credentials give an app token without a refresh token, for the journal's scopes only", async () => {
    const emulator = await start();
    const form = { grant_type: "client_credentials", ...client(emulator) };
    const scope = "developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read";
    const { body } = await post(emulator, "/oauth/2026-09/token", { ...form, scope });
    expect(Object.keys(body).sort()).toEqual(["access_token", "expires_in", "scopes", "token_type", "token_use"]);
    expect(body["token_use"]).toBe("client_credentials");
    expect((await post(emulator, "/oauth/2026-09/token", { ...form, scope: "oauth" })).body["status"]).toBe("BAD_SCOPES");
    expect((await call(emulator, "/crm/v3/objects/contacts", String(body["access_token"]))).status).toBe(401);
  });
});

describe("errors", () => {
  test("a garbage refresh token answers BAD_REFRESH_TOKEN word for word", async () => {
    const emulator = await start();
    expect(await refresh(emulator, "garbage")).toMatchObject({ status: 400, body: BAD_REFRESH_TOKEN });
  });

  test("the bodies of before 2026 are a switch", async () => {
    const emulator = await start({ tokenErrorStyle: "legacy" });
    const { body } = await refresh(emulator, "garbage");
    expect(body).toEqual({
      status: "BAD_REFRESH_TOKEN",
      message: "missing or invalid refresh token",
      correlationId: expect.any(String) as string,
    });
  });

  test.each([
    ["BAD_GRANT_TYPE", "unsupported_grant_type", { grant_type: "password" }],
    ["BAD_CLIENT_ID", "invalid_client", { client_id: "nobody" }],
    ["BAD_CLIENT_SECRET", "invalid_client", { client_secret: "wrong" }],
    ["BAD_REDIRECT_URI", "invalid_grant", { redirect_uri: "http://localhost:3000/other" }],
    ["BAD_AUTH_CODE", "invalid_grant", { code: "na1-unknown" }],
  ])("%s carries the RFC fields and HubSpot's own", async (status, error, changes) => {
    const emulator = await start();
    const answer = await exchange(emulator, await grantCode(emulator), changes);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ status, error });
    expect(answer.body["error_description"]).toBe(answer.body["message"]);
    expect(answer.headers.get("x-hubspot-correlation-id")).toBeTruthy();
  });

  test("a wrong client may answer 401 instead", async () => {
    const emulator = await start({ clientErrorStatus: 401 });
    expect((await exchange(emulator, "x", { client_secret: "wrong" })).status).toBe(401);
  });

  test("a refused exchange leaves the code usable, a success uses it up", async () => {
    const emulator = await start();
    const code = await grantCode(emulator);
    await exchange(emulator, code, { client_secret: "wrong" });
    expect((await exchange(emulator, code)).status).toBe(200);
    expect(await exchange(emulator, code)).toMatchObject({ status: 400, body: BAD_AUTH_CODE });
  });

  test("another app's code and refresh token are unknown", async () => {
    const emulator = await start({ apps: [{}, {}] });
    const other = { client_id: emulator.apps[1]?.clientId ?? "", client_secret: emulator.apps[1]?.clientSecret ?? "" };
    expect((await exchange(emulator, await grantCode(emulator), other)).body).toEqual(BAD_AUTH_CODE);
    const { refresh_token } = await connect(emulator);
    const form = { grant_type: "refresh_token", refresh_token, ...other };
    expect((await post(emulator, "/oauth/v3/token", form)).body).toEqual(BAD_REFRESH_TOKEN);
    expect((await refresh(emulator, refresh_token)).status).toBe(200);
  });

  test("a deleted account answers BAD_HUB, as access_denied", async () => {
    const emulator = await start();
    const code = await grantCode(emulator);
    const tokens = await connect(emulator);
    emulator.deleteAccount(24681012);
    expect(await refresh(emulator, tokens.refresh_token)).toMatchObject({ status: 400, body: BAD_HUB });
    expect((await exchange(emulator, code)).body).toEqual(BAD_HUB);
    expect((await call(emulator, "/crm/v3/objects/contacts", tokens.access_token)).status).toBe(401);
    await expect(emulator.authorize(authorizeUrl(emulator), { hubId: 24681012 })).rejects.toThrow("no account");
  });

  test("parameters are read from a form body only: not from the query, not from JSON", async () => {
    const emulator = await start();
    const { refresh_token } = await connect(emulator);
    const form = { grant_type: "refresh_token", refresh_token, ...client(emulator) };
    const url = `${emulator.origin}/oauth/2026-09/token`;
    const byQuery = await send(`${url}?${new URLSearchParams(form).toString()}`, { method: "POST" });
    const headers = { "content-type": "application/json" };
    const byJson = await send(url, { method: "POST", body: JSON.stringify(form), headers });
    expect([byQuery.body["status"], byJson.body["status"]]).toEqual(["BAD_GRANT_TYPE", "BAD_GRANT_TYPE"]);
    expect((await send(url)).status).toBe(405);
  });

  test("a form field named like a member of Object.prototype is only a field", async () => {
    const emulator = await start();
    const answer = await post(emulator, "/oauth/2026-09/token", { __proto__x: "1", constructor: "2", grant_type: "constructor" });
    expect(answer.body["status"]).toBe("BAD_GRANT_TYPE");
  });
});

describe("pkce", () => {
  const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"; // RFC 7636 appendix B
  const challenge = { code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256" };

  test("enforced: the right verifier passes, a wrong or missing one is BAD_CODE_VERIFIER", async () => {
    const emulator = await start();
    const code = await grantCode(emulator, challenge);
    expect((await exchange(emulator, code)).body["status"]).toBe("BAD_CODE_VERIFIER");
    expect((await exchange(emulator, code, { code_verifier: "wrong" })).body["status"]).toBe("BAD_CODE_VERIFIER");
    expect((await exchange(emulator, code, { code_verifier: verifier })).status).toBe(200);
  });

  test("enforced: without a challenge no verifier is needed, and one is refused, since the challenge must have been taken out", async () => {
    const emulator = await start();
    expect((await exchange(emulator, await grantCode(emulator))).status).toBe(200);
    const code = await grantCode(emulator);
    expect((await exchange(emulator, code, { code_verifier: verifier })).body["status"]).toBe("BAD_CODE_VERIFIER");
    expect((await exchange(emulator, code)).status).toBe(200);
  });

  test("ignored never looks, rejected refuses any verifier", async () => {
    const emulator = await start({ pkce: "ignored" });
    expect((await exchange(emulator, await grantCode(emulator, challenge), { code_verifier: "wrong" })).status).toBe(200);
    emulator.settings.pkce = "rejected";
    const answer = await exchange(emulator, await grantCode(emulator), { code_verifier: verifier });
    expect(answer.body["status"]).toBe("BAD_CODE_VERIFIER");
  });
});

describe("rotation", () => {
  test("strict: each refresh answers a new token, and a used one ends the whole grant", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const first = await connect(emulator);
    const second = (await refresh(emulator, first.refresh_token)).body;
    expect(second["refresh_token"]).not.toBe(first.refresh_token);
    expect((await refresh(emulator, first.refresh_token)).body).toEqual(BAD_REFRESH_TOKEN);
    expect((await refresh(emulator, second["refresh_token"])).body).toEqual(BAD_REFRESH_TOKEN);
    expect((await call(emulator, "/crm/v3/objects/contacts", String(second["access_token"]))).status).toBe(200);
  });

  test("strict: a new connect begins another grant, which a replay in the old one does not touch", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const old = await connect(emulator);
    const fresh = await connect(emulator);
    expect(fresh.refresh_token).not.toBe(old.refresh_token);
    await refresh(emulator, old.refresh_token);
    await refresh(emulator, old.refresh_token);
    expect((await refresh(emulator, fresh.refresh_token)).status).toBe(200);
  });

  test("grace: a used token still answers with its successor for thirty seconds, then ends the grant", async () => {
    const emulator = await start({ refreshTokenRotation: "grace", now: () => START_MS });
    const first = await connect(emulator);
    const second = (await refresh(emulator, first.refresh_token)).body;
    emulator.advance(29_999);
    const replay = await refresh(emulator, first.refresh_token);
    expect([replay.status, replay.body["refresh_token"]]).toEqual([200, second["refresh_token"]]);
    emulator.advance(1);
    expect((await refresh(emulator, first.refresh_token)).body).toEqual(BAD_REFRESH_TOKEN);
    expect((await refresh(emulator, second["refresh_token"])).body).toEqual(BAD_REFRESH_TOKEN);
  });

  test("the emulator says which refresh token it holds", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const { refresh_token } = await connect(emulator);
    const { body } = await refresh(emulator, refresh_token);
    expect(emulator.grants.map((grant) => grant.refreshToken)).toEqual([body["refresh_token"]]);
    expect(emulator.accessTokens.at(-1)?.token).toBe(body["access_token"]);
  });
});

describe("the end of v1", () => {
  const v1Form = (refreshToken: string): Record<string, string> => ({ grant_type: "refresh_token", refresh_token: refreshToken });

  test("from 2027-02-16 /oauth/v1/* answers 404, the others live on, and a v1 refresh token works there", async () => {
    const emulator = await start({ now: () => Date.UTC(2027, 1, 16) - 1 });
    const { refresh_token } = await connect(emulator);
    const form = { ...v1Form(refresh_token), ...client(emulator) };
    expect((await post(emulator, "/oauth/v1/token", form)).status).toBe(200);
    emulator.advance(1);
    const gone = await post(emulator, "/oauth/v1/token", form);
    expect(gone).toMatchObject({ status: 404, body: { status: "error" } });
    expect((await send(`${emulator.origin}/oauth/v1/refresh-tokens/${refresh_token}`)).status).toBe(404);
    expect((await post(emulator, "/oauth/v3/token", form)).status).toBe(200);
  });

  test("it can be forced on or off, or moved", async () => {
    const emulator = await start({ v1Sunset: true, now: () => START_MS });
    expect((await post(emulator, "/oauth/v1/token", {})).status).toBe(404);
    emulator.settings.v1Sunset = false;
    emulator.settings.v1SunsetAtMs = 0;
    expect((await post(emulator, "/oauth/v1/token", {})).status).toBe(400);
    emulator.settings.v1Sunset = undefined;
    expect((await post(emulator, "/oauth/v1/token", {})).status).toBe(404);
  });
});
