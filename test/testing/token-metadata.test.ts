/** Introspect, revoke, the v1 metadata paths and the uninstall. */

import { describe, expect, test } from "vitest";
import { call, client, connect, post, refresh, send, start } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";

describe("introspect", () => {
  test.each(["v3", "2026-03", "2026-09"])("%s describes an access token", async (version) => {
    const emulator = await start({ now: () => Date.UTC(2026, 10, 22) });
    const { access_token: token } = await connect(emulator);
    emulator.advance(60_000);
    const form = { token, token_type_hint: "access_token", ...client(emulator) };
    const { status, body } = await post(emulator, `/oauth/${version}/token/introspect`, form);
    expect(status).toBe(200);
    expect(body).toEqual({
      active: true,
      token,
      hub_id: 24681012,
      user_id: 70001,
      client_id: emulator.app.clientId,
      app_id: emulator.app.appId,
      user: "owner@harbour-bakery.example",
      hub_domain: "harbour-bakery.example",
      scopes: ["oauth", "crm.objects.contacts.read"],
      signed_access_token: expect.objectContaining({ hubId: 24681012, expiresAt: Date.UTC(2026, 10, 22, 0, 30) }) as object,
      expires_in: 1740,
      is_private_distribution: false,
      token_use: "access_token",
      token_type: "Bearer",
    });
  });

  test("describes a refresh token", async () => {
    const emulator = await start();
    const { refresh_token: token } = await connect(emulator);
    const form = { token, token_type_hint: "refresh_token", ...client(emulator) };
    expect((await post(emulator, "/oauth/2026-09/token/introspect", form)).body).toEqual({
      active: true,
      token,
      hub_id: 24681012,
      user_id: 70001,
      client_id: emulator.app.clientId,
      app_id: emulator.app.appId,
      user: "owner@harbour-bakery.example",
      hub_domain: "harbour-bakery.example",
      scopes: ["oauth", "crm.objects.contacts.read"],
      token_use: "refresh_token",
      token_type: "Bearer",
    });
  });

  test("an unknown, expired, revoked or foreign token is 200 {active: false} and nothing else", async () => {
    const emulator = await start({ apps: [{}, {}] });
    const tokens = await connect(emulator);
    const inspect = async (token: string, as = client(emulator)): Promise<unknown> => {
      const { status, text } = await post(emulator, "/oauth/2026-09/token/introspect", { token, ...as });
      return [status, text];
    };
    const inactive = [200, '{"active":false}'];
    const other = { client_id: emulator.apps[1]?.clientId ?? "", client_secret: emulator.apps[1]?.clientSecret ?? "" };
    expect(await inspect("unknown")).toEqual(inactive);
    expect(await inspect(tokens.access_token, other)).toEqual(inactive);
    expect(await inspect(tokens.refresh_token, other)).toEqual(inactive);
    emulator.expireTokens();
    expect(await inspect(tokens.access_token)).toEqual(inactive);
    emulator.revokeGrant(24681012);
    expect(await inspect(tokens.refresh_token)).toEqual(inactive);
  });

  test("a wrong client is told so", async () => {
    const emulator = await start();
    const answer = await post(emulator, "/oauth/2026-09/token/introspect", { token: "x", ...client(emulator), client_secret: "wrong" });
    expect(answer).toMatchObject({ status: 400, body: { status: "BAD_CLIENT_SECRET", error: "invalid_client" } });
  });

  test("which field names the token is a switch", async () => {
    const emulator = await start();
    const { access_token: token } = await connect(emulator);
    const active = async (form: Record<string, string>): Promise<unknown> =>
      (await post(emulator, "/oauth/v3/token/introspect", { ...form, ...client(emulator) })).body["active"];
    const both = async (): Promise<unknown[]> => [await active({ token }), await active({ access_token: token })];
    expect(await both()).toEqual([true, true]);
    emulator.settings.introspectField = "token";
    expect(await both()).toEqual([true, false]);
    emulator.settings.introspectField = "named";
    expect(await both()).toEqual([false, true]);
  });
});

describe("revoke", () => {
  test("kills the refresh token and leaves issued access tokens alive", async () => {
    const emulator = await start();
    const tokens = await connect(emulator);
    const form = { token: tokens.refresh_token, token_type_hint: "refresh_token", ...client(emulator) };
    expect(await post(emulator, "/oauth/2026-09/token/revoke", form)).toMatchObject({ status: 200, text: "" });
    expect((await refresh(emulator, tokens.refresh_token)).body["status"]).toBe("BAD_REFRESH_TOKEN");
    expect((await call(emulator, CONTACTS, tokens.access_token)).status).toBe(200);
    emulator.advance(1_800_000);
    expect((await call(emulator, CONTACTS, tokens.access_token)).status).toBe(401);
    expect((await post(emulator, "/oauth/2026-09/token/revoke", form)).status).toBe(200);
  });

  test("a shared refresh token dies for every connection, and the next connect gets a new one", async () => {
    const emulator = await start();
    const first = await connect(emulator);
    const second = await connect(emulator);
    await post(emulator, "/oauth/v3/token/revoke", { token: first.refresh_token, ...client(emulator) });
    expect((await refresh(emulator, second.refresh_token)).status).toBe(400);
    const third = await connect(emulator);
    expect(third.refresh_token).not.toBe(first.refresh_token);
    expect((await refresh(emulator, third.refresh_token)).status).toBe(200);
  });

  test("another app cannot revoke it; the answer's body is a switch", async () => {
    const emulator = await start({ apps: [{}, {}], revokeBody: {} });
    const { refresh_token: token } = await connect(emulator);
    const other = { client_id: emulator.apps[1]?.clientId ?? "", client_secret: emulator.apps[1]?.clientSecret ?? "" };
    expect((await post(emulator, "/oauth/v3/token/revoke", { token, ...other })).text).toBe("{}");
    expect((await refresh(emulator, token)).status).toBe(200);
    expect((await post(emulator, "/oauth/v1/token/revoke", { token, ...client(emulator) })).status).toBe(404);
  });
});

describe("v1 metadata", () => {
  test("GET describes both kinds of token without credentials", async () => {
    const emulator = await start({ v1Sunset: false });
    const tokens = await connect(emulator);
    const access = await send(`${emulator.origin}/oauth/v1/access-tokens/${tokens.access_token}`);
    expect(access.body).toMatchObject({ token: tokens.access_token, hub_id: 24681012, user_id: 70001, token_type: "access" });
    expect("active" in access.body).toBe(false);
    const refreshed = await send(`${emulator.origin}/oauth/v1/refresh-tokens/${tokens.refresh_token}`);
    expect(refreshed.body).toEqual({
      token: tokens.refresh_token,
      user: "owner@harbour-bakery.example",
      hub_domain: "harbour-bakery.example",
      scopes: ["oauth", "crm.objects.contacts.read"],
      hub_id: 24681012,
      client_id: emulator.app.clientId,
      user_id: 70001,
      token_type: "refresh",
    });
    expect((await send(`${emulator.origin}/oauth/v1/access-tokens/unknown`)).status).toBe(404);
  });

  test("DELETE kills the refresh token only", async () => {
    const emulator = await start({ v1Sunset: false });
    const tokens = await connect(emulator);
    const url = `${emulator.origin}/oauth/v1/refresh-tokens/${tokens.refresh_token}`;
    expect((await send(url, { method: "DELETE" })).status).toBe(204);
    expect((await send(url, { method: "DELETE" })).status).toBe(404);
    expect((await send(url)).status).toBe(404);
    expect((await refresh(emulator, tokens.refresh_token)).status).toBe(400);
    expect((await call(emulator, CONTACTS, tokens.access_token)).status).toBe(200);
  });
});

describe("uninstall", () => {
  test.each(["v3", "2026-03", "2026-09"])("%s answers 204, then nothing of this account and app works", async (version) => {
    const emulator = await start();
    const tokens = await connect(emulator);
    const elsewhere = await connect(emulator, {}, { hubId: 135791113 });
    const path = `/appinstalls/${version}/external-install`;
    expect(await call(emulator, path, tokens.access_token, { method: "DELETE" })).toMatchObject({ status: 204, text: "" });
    expect((await refresh(emulator, tokens.refresh_token)).body["status"]).toBe("BAD_REFRESH_TOKEN");
    expect((await call(emulator, CONTACTS, tokens.access_token)).status).toBe(401);
    expect((await call(emulator, path, tokens.access_token, { method: "DELETE" })).status).toBe(401);
    expect((await refresh(emulator, elsewhere.refresh_token)).status).toBe(200);
    expect((await call(emulator, CONTACTS, (await connect(emulator)).access_token)).status).toBe(200);
  });

  test("another app of the same account stays installed", async () => {
    const emulator = await start({ apps: [{}, {}] });
    const tokens = await connect(emulator);
    emulator.uninstall(24681012, emulator.apps[1]?.clientId);
    expect((await refresh(emulator, tokens.refresh_token)).status).toBe(200);
    emulator.uninstall("24681012");
    expect((await refresh(emulator, tokens.refresh_token)).status).toBe(400);
  });

  test("how the stopped access token is answered is a switch", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    emulator.uninstall(24681012);
    expect((await call(emulator, CONTACTS, access_token)).body["category"]).toBe("INVALID_AUTHENTICATION");
    emulator.settings.uninstalledTokenCategory = "EXPIRED_AUTHENTICATION";
    expect((await call(emulator, CONTACTS, access_token)).body["category"]).toBe("EXPIRED_AUTHENTICATION");
  });
});
