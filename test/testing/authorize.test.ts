/** The authorize pages and their headless twin. */

import { describe, expect, test } from "vitest";
import { authorizeUrl, connect, exchange, grantCode, send, start } from "./support.js";

const HOSTILE = `"><script>alert('x')</script>&`;

describe("callback", () => {
  test("a grant goes back with a hublet-prefixed code and the state, spaces as %20", async () => {
    const emulator = await start();
    const callback = await emulator.authorize(authorizeUrl(emulator));
    expect(callback).toMatch(/^http:\/\/localhost:3000\/oauth\/callback\?code=na1-[0-9a-f-]{36}&state=the%20state$/u);
    const eu = await emulator.authorize(authorizeUrl(emulator), { hubId: 135791113 });
    expect(eu).toContain("code=eu1-");
  });

  test("a request without state goes back without one", async () => {
    const emulator = await start();
    expect(await emulator.authorize(authorizeUrl(emulator, { state: undefined }))).not.toContain("state");
  });

  test("the redirect URI keeps the query it has", async () => {
    const emulator = await start({ app: { redirectUris: ["https://app.example.com/cb?tenant=4"] } });
    expect(await emulator.authorize(authorizeUrl(emulator))).toMatch(/^https:\/\/app\.example\.com\/cb\?tenant=4&code=/u);
  });

  test("a denial goes back with access_denied and the state", async () => {
    const emulator = await start();
    const callback = new URL(await emulator.authorize(authorizeUrl(emulator), { decision: "deny" }));
    expect(callback.searchParams.get("error")).toBe("access_denied");
    expect(callback.searchParams.get("error_description")).toBeTruthy();
    expect(callback.searchParams.get("state")).toBe("the state");
    expect(callback.searchParams.has("code")).toBe(false);
  });

  test("denial can leave the state out, or send no callback at all", async () => {
    const emulator = await start({ denial: "redirect-without-state" });
    expect(await emulator.authorize(authorizeUrl(emulator), { decision: "deny" })).not.toContain("state=");
    emulator.settings.denial = "no-callback";
    await expect(emulator.authorize(authorizeUrl(emulator), { decision: "deny" })).rejects.toThrow("no callback");
    const hubId = String(emulator.accounts[0]?.hubId);
    const answer = await send(authorizeUrl(emulator), { method: "POST", body: new URLSearchParams({ hub_id: hubId, decision: "deny" }) });
    expect([answer.status, answer.headers.get("location")]).toEqual([200, null]);
  });

  test("a code works once, for sixty seconds of emulator time", async () => {
    const emulator = await start({ now: () => 1_800_000_000_000 });
    const code = await grantCode(emulator);
    emulator.advance(59_999);
    expect((await exchange(emulator, code)).status).toBe(200);
    expect((await exchange(emulator, code)).body["status"]).toBe("BAD_AUTH_CODE");
    const late = await grantCode(emulator);
    emulator.advance(60_000);
    expect((await exchange(emulator, late)).body["status"]).toBe("BAD_AUTH_CODE");
  });
});

describe("error pages never reach the app", () => {
  test.each([
    ["an unknown client", { client_id: "nobody" }, "Unknown app"],
    ["no client", { client_id: undefined }, "Unknown app"],
    [
      "a redirect URI that only begins like the configured one",
      { redirect_uri: "http://localhost:3000/oauth/callback/" },
      "Redirect URL mismatch",
    ],
    ["no redirect URI", { redirect_uri: undefined }, "Redirect URL mismatch"],
    ["no scope", { scope: undefined }, "Scope mismatch"],
    ["a missing required scope", { scope: "crm.objects.deals.read" }, "Scope mismatch"],
    ["a scope the app lacks", { scope: "crm.objects.contacts.read files" }, "Scope mismatch"],
    ["a scope that is only optional", { scope: "crm.objects.contacts.read tickets" }, "Scope mismatch"],
    ["an optional scope the app lacks", { optional_scope: "files" }, "Scope mismatch"],
  ])("%s", async (_, changes, title) => {
    const emulator = await start();
    const url = authorizeUrl(emulator, changes);
    await expect(emulator.authorize(url)).rejects.toThrow(`HubSpot shows an error page: ${title}`);
    for (const method of ["GET", "POST"]) {
      const answer = await send(url, { method });
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
      expect(answer.text).toContain(title);
    }
  });

  test("an account that lacks a scope of `scope` cannot install", async () => {
    const emulator = await start({ accounts: [{ unavailableScopes: ["crm.objects.deals.read"] }] });
    const url = authorizeUrl(emulator, { scope: "crm.objects.contacts.read crm.objects.deals.read" });
    await expect(emulator.authorize(url)).rejects.toThrow("cannot install");
  });

  test("a URL that is not an authorize URL is refused", async () => {
    const emulator = await start();
    await expect(emulator.authorize(`${emulator.origin}/oauth/v1/token`)).rejects.toThrow("Not an authorize URL");
  });
});

describe("scopes", () => {
  test("oauth is always granted, and may be named", async () => {
    const emulator = await start();
    expect((await connect(emulator))["scopes"]).toEqual(["oauth", "crm.objects.contacts.read"]);
    const named = await connect(emulator, { scope: "crm.objects.contacts.read oauth", optional_scope: "oauth" });
    expect(named["scopes"]).toEqual(["oauth", "crm.objects.contacts.read"]);
  });

  test("an optional scope is granted, or dropped without a word if the account lacks it", async () => {
    const emulator = await start({ accounts: [{}, { unavailableScopes: ["tickets"] }] });
    const [rich, poor] = emulator.accounts;
    const changes = { optional_scope: "tickets crm.objects.deals.read" };
    const scopes = ["oauth", "crm.objects.contacts.read", "tickets", "crm.objects.deals.read"];
    expect((await connect(emulator, changes, { hubId: rich?.hubId }))["scopes"]).toEqual(scopes);
    expect((await connect(emulator, changes, { hubId: poor?.hubId }))["scopes"]).toEqual(scopes.filter((scope) => scope !== "tickets"));
  });

  test("spaces may be sent as +", async () => {
    const emulator = await start();
    const url = authorizeUrl(emulator, { scope: "crm.objects.contacts.read crm.objects.deals.read" }).replace("%20", "+");
    await expect(emulator.authorize(url)).resolves.toContain("code=");
  });
});

describe("accounts and users", () => {
  test("the path preselects an account, and contradicting it is refused", async () => {
    const emulator = await start();
    const second = emulator.accounts[1]?.hubId;
    const url = authorizeUrl(emulator, {}, `/oauth/${second}/authorize`);
    const code = new URL(await emulator.authorize(url)).searchParams.get("code") ?? "";
    expect((await exchange(emulator, code)).body["hub_id"]).toBe(second);
    await expect(emulator.authorize(url, { hubId: emulator.accounts[0]?.hubId })).rejects.toThrow("preselects");
    await expect(emulator.authorize(authorizeUrl(emulator, {}, "/oauth/999/authorize"))).rejects.toThrow("Unknown account");
    await expect(emulator.authorize(authorizeUrl(emulator), { hubId: 999 })).rejects.toThrow("no account 999");
  });

  test("a user can be chosen, but only one of the account", async () => {
    const users = [
      { userId: 1, email: "a@example.com" },
      { userId: 2, email: "b@example.com" },
    ];
    const emulator = await start({ accounts: [{ users }], userIdInTokenResponse: true });
    expect((await connect(emulator, {}, { userId: 2 }))["user_id"]).toBe(2);
    await expect(emulator.authorize(authorizeUrl(emulator), { userId: 3 })).rejects.toThrow("no user 3");
  });

  test("options that make no sense are refused by name", async () => {
    await expect(start({ app: {}, apps: [{}] })).rejects.toThrow("app or apps");
    await expect(start({ apps: [] })).rejects.toThrow("at least one app");
    await expect(start({ accounts: [{ hubId: 1 }, { hubId: 1 }] })).rejects.toThrow("hubId");
    await expect(start({ accounts: [{ users: [] }] })).rejects.toThrow("users");
  });
});

describe("redirect URIs", () => {
  test.each(["http://127.0.0.1:3000/cb", "https://127.0.0.1/cb", "http://[::1]/cb", "http://app.example.com/cb", "nonsense"])(
    "%s is refused, as HubSpot refuses it",
    async (uri) => {
      await expect(start({ app: { redirectUris: [uri] } })).rejects.toThrow(TypeError);
    },
  );

  test("one can be added while running", async () => {
    const emulator = await start();
    const uri = "http://localhost:41234/cb";
    await expect(emulator.authorize(authorizeUrl(emulator, { redirect_uri: uri }))).rejects.toThrow("Redirect URL mismatch");
    emulator.addRedirectUri(uri);
    expect(emulator.app.redirectUris).toContain(uri);
    expect(await emulator.authorize(authorizeUrl(emulator, { redirect_uri: uri }))).toMatch(/^http:\/\/localhost:41234\/cb\?code=/u);
    expect(() => emulator.addRedirectUri(uri, "nobody")).toThrow(TypeError);
    expect(() => emulator.addRedirectUri("http://10.0.0.1/cb")).toThrow(TypeError);
  });
});

describe("pages", () => {
  test("the chooser links each account to its own consent page, which a form posts back to the app", async () => {
    const emulator = await start();
    const chooser = await send(authorizeUrl(emulator));
    expect(chooser.headers.get("content-type")).toBe("text/html;charset=utf-8");
    const href = /href="(?<href>\/oauth\/24681012\/authorize[^"]+)"/u.exec(chooser.text)?.groups?.["href"]?.replaceAll("&amp;", "&");
    expect(chooser.text).toContain("Nordlicht Optik");
    const consent = await send(emulator.origin + href);
    expect(consent.text).toContain("Connect Test app to Harbour Bakery");
    expect(consent.text).toContain("crm.objects.contacts.read");
    expect(consent.text).not.toContain("Nordlicht Optik");
    const form = new URLSearchParams({ hub_id: "24681012", user_id: "70001", decision: "grant" });
    const answer = await send(emulator.origin + href, { method: "POST", body: form });
    expect(answer.status).toBe(302);
    const code = new URL(answer.headers.get("location") ?? "").searchParams.get("code") ?? "";
    expect((await exchange(emulator, code)).status).toBe(200);
  });

  test("a script may post the form without seeing the page, and a broken form is told so", async () => {
    const emulator = await start();
    const submit = (form: Record<string, string>): ReturnType<typeof send> =>
      send(authorizeUrl(emulator), { method: "POST", body: new URLSearchParams(form) });
    expect((await submit({ hub_id: "24681012", decision: "grant" })).status).toBe(302);
    expect((await submit({ hub_id: "24681012", decision: "deny" })).headers.get("location")).toContain("error=access_denied");
    for (const form of [{ decision: "grant" }, { hub_id: "24681012" }, { hub_id: "1", decision: "grant" }]) {
      expect((await submit(form as Record<string, string>)).status).toBe(400);
    }
    expect((await submit({ hub_id: "24681012", user_id: "1", decision: "grant" })).text).toContain("Unknown user");
  });

  test("the consent page names the optional scopes this account has, and not the others", async () => {
    const emulator = await start({ accounts: [{ hubId: 1, unavailableScopes: ["tickets"] }] });
    const page = await send(authorizeUrl(emulator, { optional_scope: "tickets crm.objects.deals.read" }, "/oauth/1/authorize"));
    const shown = page.text.replaceAll(/<[^>]*>/gu, ""); // a link holds the whole query
    expect(shown).toContain("crm.objects.deals.read");
    expect(shown).not.toContain("tickets");
  });

  test("hostile input cannot break out of any page", async () => {
    const accounts = [{ hubId: 1, name: HOSTILE, hubDomain: HOSTILE, users: [{ userId: 1, email: HOSTILE }] }];
    const redirectUri = `https://app.example.com/cb?x='"><script>`;
    const emulator = await start({ accounts, app: { name: HOSTILE, redirectUris: [redirectUri], optionalScopes: [HOSTILE] } });
    const hostileEverywhere = { state: HOSTILE, optional_scope: HOSTILE, extra: HOSTILE };
    const pages = await Promise.all([
      send(authorizeUrl(emulator, hostileEverywhere)),
      send(authorizeUrl(emulator, hostileEverywhere, "/oauth/1/authorize")),
      send(authorizeUrl(emulator, { client_id: HOSTILE })),
      send(authorizeUrl(emulator, { redirect_uri: HOSTILE })),
      send(authorizeUrl(emulator, { scope: HOSTILE })),
      send(`${authorizeUrl(emulator)}&raw='"><script>`),
    ]);
    for (const { text } of pages) {
      expect(text).not.toMatch(/<script/iu);
      expect(text).not.toContain("alert('x')");
      expect(text).toContain("<h1>");
    }
    expect(pages[1]?.text).toContain("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;");
    for (const { headers } of pages) expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  test("hostile state comes back to the app byte for byte", async () => {
    const emulator = await start();
    const state = `${HOSTILE}\r\nSet-Cookie: a=b ü +%2B`;
    const callback = new URL(await emulator.authorize(authorizeUrl(emulator, { state })));
    expect(callback.searchParams.get("state")).toBe(state);
    const answer = await send(authorizeUrl(emulator, { state }), {
      method: "POST",
      body: new URLSearchParams({ hub_id: "24681012", decision: "grant" }),
    });
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(new URL(answer.headers.get("location") ?? "").searchParams.get("state")).toBe(state);
  });
});

describe("pkce at the authorize URL", () => {
  const challenge = { code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256" };

  test("rejected: a challenge goes straight back with invalid_request", async () => {
    const emulator = await start({ pkce: "rejected" });
    const url = authorizeUrl(emulator, challenge);
    expect(await emulator.authorize(url)).toContain("error=invalid_request");
    expect((await send(url)).headers.get("location")).toContain("error=invalid_request");
  });

  test("enforced: only S256 is understood; ignored: anything passes", async () => {
    const emulator = await start();
    const plain = authorizeUrl(emulator, { ...challenge, code_challenge_method: "plain" });
    expect(await emulator.authorize(plain)).toContain("error=invalid_request");
    emulator.settings.pkce = "ignored";
    expect(await emulator.authorize(plain)).toContain("code=");
  });
});
