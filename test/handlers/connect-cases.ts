/** Cases of the handlers' contract: the way to HubSpot. */
import { expect } from "vitest";
import { APP_COOKIE, type HandlerCase } from "./contract.js";

const HOSTILE = [
  "//evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "https://evil.example/",
  "https:evil.example",
  "javascript:alert(1)",
  "/%09/evil.example",
  "/..//evil.example",
  "/a\r\nSet-Cookie: x=1",
  "／／evil.example",
  "evil",
  `/${"a".repeat(2_000)}`,
  "/hubspot/connect?return_to=/x",
];

export const connectCases: readonly HandlerCase[] = [
  {
    name: "connect sends the person to HubSpot with a cookie of the flow, beside the application's own",
    run: async ({ alice, emulator, events, tokenPosts }) => {
      const {
        status,
        location = "",
        headers,
        text,
      } = await alice.visit("/hubspot/connect", { headers: { "sec-fetch-site": "same-origin" } });
      expect([status, text]).toEqual([303, ""]);
      expect(new URL(location).origin).toBe(emulator.origin);
      expect(headers.getSetCookie()).toEqual([
        APP_COOKIE,
        expect.stringMatching(/^hubspot-oauth-[\w-]{8}=[\w-]{43}; .*HttpOnly; SameSite=Lax$/),
      ]);
      expect(events.map(({ type }) => type)).toEqual(["authorization.started"]);
      expect(tokenPosts()).toBe(0);
    },
  },
  {
    name: "CVE-2015-9284 a page of another site begins no flow: somebody has to click here first",
    run: async ({ alice, events }) => {
      for (const method of ["GET", "POST"]) {
        const asked = await alice.visit("/hubspot/connect?return_to=%2Fsettings", { method, headers: { "sec-fetch-site": "cross-site" } });
        expect(asked.status).toBe(200);
        expect(asked.headers.getSetCookie()).toEqual([APP_COOKIE]);
        expect(asked.links).toEqual(["/hubspot/connect?return_to=%2Fsettings", "/settings"]);
      }
      const forged = { "sec-fetch-site": "", origin: "https://evil.example" };
      const { status, links } = await alice.visit("/hubspot/connect", { method: "POST", headers: forged });
      expect([status, events]).toEqual([200, []]);
      expect((await alice.visit(links[0] ?? "", { headers: { "sec-fetch-site": "same-origin" } })).status).toBe(303);
    },
  },
  {
    name: "a click, a sub-domain's link, the address bar, an old browser and a form of one's own begin a flow",
    run: async ({ alice }) => {
      for (const site of ["same-origin", "same-site", "none", ""])
        expect((await alice.visit("/hubspot/connect", { headers: { "sec-fetch-site": site } })).status, site).toBe(303);
      expect((await alice.submit("/hubspot/connect")).status).toBe(303);
      expect((await alice.submit("/hubspot/connect", { "sec-fetch-site": "" })).status).toBe(303);
    },
  },
  {
    name: "who is not signed in is told so, as a page or as JSON, and no flow begins",
    run: async ({ browser, events, failures }) => {
      const nobody = browser({});
      const answer = await nobody.visit("/hubspot/connect?return_to=/settings");
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, [APP_COOKIE]]);
      const json = await nobody.visit("/hubspot/connect", { headers: { accept: "application/json" } });
      expect(json.status).toBe(401);
      expect(JSON.parse(json.text)).toEqual({ error: "not_signed_in", message: expect.any(String) as string, retry: "/hubspot/connect" });
      expect(events).toEqual([]);
      expect(failures[0]).toEqual({
        step: "connect",
        code: "not_signed_in",
        status: 401,
        title: "Please sign in",
        text: "Sign in first, then connect HubSpot.",
        error: undefined,
        retryPath: "/hubspot/connect?return_to=%2Fsettings",
        returnTo: "/settings",
      });
    },
  },
  {
    name: "the application sends who is not signed in to its own page, and back",
    options: {
      onError: ({ code, retryPath = "/" }) => (code === "not_signed_in" ? `/login?next=${encodeURIComponent(retryPath)}` : undefined),
    },
    run: async ({ browser }) => {
      const { status, location } = await browser({}).visit("/hubspot/connect?return_to=/a");
      expect([status, location]).toEqual([303, "/login?next=%2Fhubspot%2Fconnect%3Freturn_to%3D%252Fa"]);
    },
  },
  {
    name: "OR-01 a hostile return_to leads to the default, never elsewhere and never to an error",
    options: { returnTo: "/home" },
    run: async ({ alice, walk }) => {
      for (const hostile of HOSTILE) {
        const callback = await walk(alice, `/hubspot/connect?return_to=${encodeURIComponent(hostile)}`);
        expect((await alice.visit(callback)).location, hostile).toBe("/home");
      }
      expect((await alice.visit(await walk(alice, "/hubspot/connect?return_to=/a&return_to=/b"))).location).toBe("/home");
    },
  },
  {
    name: "a good return_to is kept, with its query",
    run: async ({ alice, walk }) => {
      const callback = await walk(alice, `/hubspot/connect?return_to=${encodeURIComponent("/settings?tab=crm&x=%2F#top")}`);
      expect((await alice.visit(callback)).location).toBe("/settings?tab=crm&x=%2F#top");
    },
  },
  {
    name: "a script that asks for JSON gets the URL to go to",
    run: async ({ alice, emulator }) => {
      const headers = { accept: "application/json", "sec-fetch-site": "same-origin" };
      const answer = await alice.visit("/hubspot/connect", { method: "POST", headers });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
      const { url } = JSON.parse(answer.text) as { url: string };
      expect((await alice.visit(await emulator.authorize(url))).status).toBe(303);
    },
  },
  {
    name: "CB-09 HEAD and prefetch begin nothing",
    run: async ({ alice, events }) => {
      expect((await alice.visit("/hubspot/connect", { method: "HEAD" })).status).toBe(204);
      for (const headers of [
        { "sec-purpose": "prefetch" },
        { "sec-purpose": "prefetch;prerender" },
        { purpose: "prefetch" },
        { "x-moz": "prefetch" },
      ])
        expect((await alice.visit("/hubspot/connect", { headers })).status).toBe(503);
      expect([events, alice.flowCookies]).toEqual([[], []]);
    },
  },
  {
    name: "a link that names a scope twice asks for it once",
    options: { extraScopes: ["crm.objects.deals.read"] },
    run: async ({ alice }) => {
      const link = "/hubspot/connect?scope=crm.objects.deals.read%20crm.objects.deals.read";
      const { status, location = "" } = await alice.visit(link);
      expect(status).toBe(303);
      expect(new URL(location).searchParams.get("scope")?.match(/deals/g)).toHaveLength(1);
    },
  },
  {
    name: "other methods are not allowed",
    run: async ({ alice }) => {
      for (const [path, allow] of [
        ["connect", "HEAD, GET, POST"],
        ["callback", "HEAD, GET"],
      ]) {
        const { status, headers } = await alice.visit(`/hubspot/${path}`, { method: "DELETE" });
        expect([status, headers.get("allow")]).toEqual([405, allow]);
      }
    },
  },
  {
    name: "a reconnect asks for the account of the link, with scopes the application allows",
    options: { extraScopes: ["crm.objects.deals.read"] },
    run: async ({ alice, walk, connected, oauth, store }) => {
      await alice.visit(await walk(alice));
      const before = await store.get("24681012");
      const link = "/hubspot/connect?account=24681012&scope=crm.objects.deals.read&return_to=/deals";
      const { location = "" } = await alice.visit(link);
      const { pathname, searchParams } = new URL(location);
      expect(pathname).toBe("/oauth/24681012/authorize");
      expect(searchParams.get("scope")).toBe("crm.objects.contacts.read crm.objects.deals.read");
      expect((await alice.visit(await walk(alice, link))).location).toBe("/deals");
      expect(connected[1]).toMatchObject({ accountId: "24681012", reconnected: true });
      await oauth.requireScopes("24681012", ["crm.objects.deals.read"]);
      expect((await store.get("24681012"))?.grantId).not.toBe(before?.grantId);
    },
  },
  {
    name: "a reconnect of an account that is not the person's, or with a scope nobody allowed, does not begin",
    options: { extraScopes: ["crm.objects.deals.read"] },
    run: async ({ alice, events }) => {
      const foreign = await alice.visit("/hubspot/connect?account=1357");
      expect([foreign.status, foreign.links]).toEqual([403, ["/"]]);
      expect((await alice.visit("/hubspot/connect?account=24681012&scope=crm.objects.deals.write")).status).toBe(400);
      expect(events).toEqual([]);
    },
  },
  {
    name: "a reconnect of an account that is gone says so, and offers to connect anew",
    run: async ({ alice, failures }) => {
      const gone = await alice.visit("/hubspot/connect?account=24681012&return_to=/a");
      expect([gone.status, failures[0]?.code]).toEqual([409, "account_not_connected"]);
      expect(gone.links).toContain("/hubspot/connect?return_to=%2Fa");
    },
  },
];
