/** Cases of the handlers' contract: the way back, for who began it and for who did not. */
import { expect } from "vitest";
import { APP_COOKIE, type HandlerCase, type HandlerWorld } from "./contract.js";
import { strayCallbacks } from "./stray-callbacks.js";

/** Nothing was exchanged and nothing stored. */
async function assertUntouched({ tokenPosts, store, connected }: HandlerWorld): Promise<void> {
  expect([tokenPosts(), await store.get("24681012"), connected]).toEqual([0, undefined, []]);
}

export const callbackCases: readonly HandlerCase[] = [
  {
    name: "CB-07 the callback stores the tokens, tells the application, and leaves its URL by 303 for where the person came from",
    run: async ({ alice, walk, connected, store, emulator }) => {
      const callback = await walk(alice, "/hubspot/connect?return_to=/settings");
      const { status, location, headers, text } = await alice.visit(callback, { headers: { "sec-fetch-site": "cross-site" } });
      expect([status, location, text]).toEqual([303, "/settings", ""]);
      expect(headers.getSetCookie()).toEqual([APP_COOKIE, expect.stringContaining("Max-Age=0")]);
      expect(alice.flowCookies).toEqual([]);
      expect(connected).toHaveLength(1);
      expect(connected[0]).toMatchObject({ accountId: "24681012", context: { tenant: "tenant of alice" }, reconnected: false });
      expect((await store.get("24681012"))?.refreshToken).toBe(emulator.grants[0]?.refreshToken);
    },
  },
  {
    name: "without a return_to the person goes to the default, and where the application says instead if it does",
    options: { returnTo: "/home" },
    run: async ({ alice, walk }) => expect((await alice.visit(await walk(alice))).location).toBe("/home"),
  },
  {
    name: "onConnected may answer with a path, the tokens being stored by then",
    options: { onConnected: ({ accountId }) => `/accounts/${accountId}` },
    run: async ({ alice, walk, store }) => {
      expect((await alice.visit(await walk(alice))).location).toBe("/accounts/24681012");
      expect(await store.get("24681012")).toBeDefined();
    },
  },
  {
    name: "onConnected may answer with a response of its own, which still leaks nothing and clears the flow's cookie",
    options: {
      onConnected: () =>
        new Response("<p>Welcome</p>", {
          status: 201,
          headers: [
            ["content-type", "text/plain"],
            ["cache-control", "public"],
            ["referrer-policy", "unsafe-url"],
            ["set-cookie", "welcome=1; Path=/"],
          ],
        }),
    },
    run: async ({ alice, walk }) => {
      const { status, text, headers } = await alice.visit(await walk(alice));
      expect([status, text, headers.get("content-type")]).toEqual([201, "<p>Welcome</p>", "text/plain"]);
      expect(headers.getSetCookie()).toEqual([APP_COOKIE, "welcome=1; Path=/", expect.stringContaining("Max-Age=0")]);
      expect(alice.flowCookies).toEqual([]);
    },
  },
  {
    name: "AB-01 and CB-04 what else stands in the query is ignored: the account is the one HubSpot names",
    run: async ({ alice, walk, connected }) => {
      await alice.visit(`${await walk(alice)}&hub_id=999&account=999&accountId=999&hs_x=1`);
      expect(connected.map(({ accountId }) => accountId)).toEqual(["24681012"]);
    },
  },
  {
    name: "a denial is answered by a page, leaves no cookie and offers another try",
    run: async ({ alice, walk, failures, ...world }) => {
      const callback = await walk(alice, "/hubspot/connect?return_to=/settings", { decision: "deny" });
      const { status, links } = await alice.visit(callback);
      expect([status, links]).toEqual([403, ["/hubspot/connect?return_to=%2Fsettings", "/settings"]]);
      expect(alice.flowCookies).toEqual([]);
      expect(failures[0]?.code).toBe("authorization_denied");
      await assertUntouched({ alice, walk, failures, ...world });
      await alice.visit(await walk(alice, links[0]));
      expect(world.connected).toHaveLength(1);
    },
  },
  {
    name: "a return_to that looks like markup is a link on the page, and no markup",
    run: async ({ alice, walk }) => {
      const odd = "/a?x=<b>'&y=1";
      const { text, links } = await alice.visit(
        await walk(alice, `/hubspot/connect?return_to=${encodeURIComponent(odd)}`, { decision: "deny" }),
      );
      expect(text).not.toContain("<b>");
      expect(links.at(-1)).toBe("/a?x=&lt;b&gt;&#39;&y=1");
    },
  },
  {
    name: "a denial without state is one as well",
    emulator: { denial: "redirect-without-state" },
    run: async ({ alice, walk }) => {
      const { status, links } = await alice.visit(await walk(alice, "/hubspot/connect?return_to=/settings", { decision: "deny" }));
      expect([status, links]).toEqual([403, ["/hubspot/connect", "/"]]);
    },
  },
  {
    name: "onDenied sends the person where the application wants, and no cookie of the flow stays",
    options: { onDenied: ({ returnTo = "/", error }) => `${returnTo}?hubspot=${error}` },
    run: async ({ alice, walk, failures }) => {
      const { status, location } = await alice.visit(await walk(alice, "/hubspot/connect?return_to=/a", { decision: "deny" }));
      expect([status, location, alice.flowCookies, failures]).toEqual([303, "/a?hubspot=access_denied", [], []]);
    },
  },
  {
    name: "CB-01 and CB-02 repeated or contradictory parameters are refused, and the flow still completes",
    run: async (world) => {
      const { alice, walk, connected } = world;
      const callback = await walk(alice);
      const { searchParams } = new URL(callback);
      for (const more of ["&code=another", `&state=${searchParams.get("state")}`, "&error=access_denied", "&iss=a&iss=b"])
        expect((await alice.visit(callback + more)).status, more.slice(0, 8)).toBe(400);
      expect((await alice.visit(callback.replace(/code=[^&]+/, "code="))).status).toBe(400);
      await assertUntouched(world);
      expect((await alice.visit(callback)).status).toBe(303);
      expect(connected).toHaveLength(1);
    },
  },
  {
    name: "CB-03 what an error says is never shown: no markup, no new line",
    run: async ({ alice, walk }) => {
      for (const accept of ["text/html", "application/json"]) {
        const { searchParams } = new URL(await walk(alice));
        const query = new URLSearchParams({
          state: searchParams.get("state") ?? "",
          error: "<script>alert(1)</script>",
          error_description: "<script>alert(2)</script>\n[ERROR] forged line",
          error_uri: "javascript:alert(3)",
        });
        const { status, text, headers } = await alice.visit(`/hubspot/callback?${query.toString()}`, { headers: { accept } });
        expect(status).toBe(403);
        expect(text).not.toMatch(/script|alert|forged|\n/);
        expect(JSON.stringify([...headers])).not.toMatch(/script>|alert|forged/);
      }
    },
  },
  {
    name: "CB-08 a marketplace install never exchanges its code: a flow of our own begins and completes",
    run: async (world) => {
      const { alice, emulator, connected, tokenPosts } = world;
      const {
        status,
        location = "",
        headers,
      } = await alice.visit("/hubspot/callback?code=na1-marketplace-code", {
        headers: { "sec-fetch-site": "cross-site" },
      });
      expect([status, new URL(location).origin]).toEqual([303, emulator.origin]);
      expect(location).not.toContain("marketplace-code");
      expect(headers.getSetCookie()).toHaveLength(3);
      await assertUntouched(world);
      expect((await alice.visit(await emulator.authorize(location))).status).toBe(303);
      expect(connected).toHaveLength(1);
      expect(tokenPosts()).toBe(1);
      expect((await alice.visit("/hubspot/callback?code=na1-second-install")).status, "the mark went with the connection").toBe(303);
    },
  },
  {
    name: "CB-08 a marketplace install that comes back without state does not go round: somebody has to click",
    run: async (world) => {
      const { alice } = world;
      expect((await alice.visit("/hubspot/callback?code=na1-first-code")).status).toBe(303);
      for (let turn = 0; turn < 3; turn += 1) {
        const { status, links } = await alice.visit("/hubspot/callback?code=na1-next-code");
        expect([status, links]).toEqual([200, ["/hubspot/connect", "/"]]);
      }
      await assertUntouched(world);
    },
  },
  {
    name: "CB-08 a browser that keeps no cookies is not sent round either",
    options: { session: () => ({}) },
    run: async (world) => {
      const nobody = world.browser({});
      for (let turn = 0; turn < 3; turn += 1) {
        nobody.forgetFlows();
        expect((await nobody.visit("/hubspot/callback?code=na1-marketplace-code", { headers: { cookie: "" } })).status).toBe(200);
      }
      await assertUntouched(world);
    },
  },
  {
    name: "a marketplace install of who is not signed in waits for the sign-in",
    run: async (world) => {
      const { status, links } = await world.browser({ other: "cookie" }).visit("/hubspot/callback?code=na1-marketplace-code");
      expect([status, links]).toEqual([401, ["/hubspot/connect", "/"]]);
      await assertUntouched(world);
    },
  },
  {
    name: "marketplace installs are refused if the application says so",
    options: { marketplaceInstall: "refuse" },
    run: async (world) => {
      expect((await world.alice.visit("/hubspot/callback?code=na1-marketplace-code")).status).toBe(400);
      await assertUntouched(world);
    },
  },
  {
    name: "marketplace installs go where the application says",
    options: { marketplaceInstall: () => "/welcome" },
    run: async (world) => {
      expect((await world.alice.visit("/hubspot/callback?code=na1-marketplace-code")).location).toBe("/welcome");
      expect((await world.alice.visit("/hubspot/callback")).status, "neither code nor state: no install").toBe(400);
      await assertUntouched(world);
    },
  },
  {
    name: "CB-09 HEAD and prefetch of the callback use nothing up: the GET that follows completes",
    run: async (world) => {
      const { alice, walk, connected } = world;
      const callback = await walk(alice);
      expect((await alice.visit(callback, { method: "HEAD" })).status).toBe(204);
      expect((await alice.visit(callback, { headers: { "sec-purpose": "prefetch" } })).status).toBe(503);
      await assertUntouched(world);
      expect((await alice.visit(callback)).status).toBe(303);
      expect(connected).toHaveLength(1);
    },
  },
  {
    name: "ST-03 and ST-11 with a missing, wrong or foreign cookie nothing is exchanged; the flows themselves still complete",
    run: async (world) => {
      const { alice, browser, sessions, walk, connected } = world;
      sessions.set("mallory", { accountIds: [] });
      const mallory = browser({ sid: "mallory" });
      const ofAlice = await walk(alice);
      const ofMallory = await walk(mallory);
      expect((await alice.visit(ofMallory)).status, "an attacker's link in the victim's browser").toBe(400);
      expect((await mallory.visit(ofAlice)).status).toBe(400);
      expect((await browser({}).visit(ofAlice)).status).toBe(400);
      const [name = ""] = alice.flowCookies;
      expect((await browser({ sid: "alice", [name]: "a".repeat(43) }).visit(ofAlice)).status).toBe(400);
      await assertUntouched(world);
      expect((await alice.visit(ofAlice)).status).toBe(303);
      expect((await mallory.visit(ofMallory)).status).toBe(303);
      expect(connected.map(({ context }) => context.tenant)).toEqual(["tenant of alice", "tenant of mallory"]);
    },
  },
  {
    name: "ST-03 a flow that is bound to the session ends in that session only, and makes no cookie",
    run: async (world) => {
      const { alice, browser, sessions, walk, connected } = world;
      sessions.set("alice", { accountIds: [], binding: "session-of-alice" });
      sessions.set("mallory", { accountIds: [], binding: "session-of-mallory" });
      const callback = await walk(alice);
      expect(alice.flowCookies).toEqual([]);
      expect((await browser({ sid: "mallory" }).visit(callback)).status).toBe(400);
      expect((await browser({}).visit(callback)).status).toBe(400);
      await assertUntouched(world);
      expect((await alice.visit(callback)).headers.getSetCookie()).toEqual([APP_COOKIE]);
      expect(connected).toHaveLength(1);
    },
  },
  {
    name: "ST-04 a replayed callback is refused, sends nothing, and leads back",
    run: async ({ alice, walk, tokenPosts, connected }) => {
      const callback = await walk(alice, "/hubspot/connect?return_to=/settings");
      const [cookie = ""] = alice.flowCookies;
      expect(cookie).not.toBe("");
      expect((await alice.visit(callback)).status).toBe(303);
      const again = await alice.visit(callback);
      expect([again.status, again.links]).toEqual([400, ["/hubspot/connect?return_to=%2Fsettings", "/settings"]]);
      expect([tokenPosts(), connected.length]).toEqual([1, 1]);
    },
  },
  {
    name: "ST-11 two tabs do not disturb each other",
    run: async ({ alice, walk, connected }) => {
      const first = await walk(alice, "/hubspot/connect?return_to=/first");
      const second = await walk(alice, "/hubspot/connect?return_to=/second", { hubId: "24681012" });
      expect(alice.flowCookies).toHaveLength(2);
      expect((await alice.visit(second)).location).toBe("/second");
      expect((await alice.visit(first)).location).toBe("/first");
      expect(connected).toHaveLength(2);
    },
  },
  {
    name: "ST-06 after ten minutes the flow is over, and the page leads to a new one",
    run: async (world) => {
      const { alice, walk, emulator } = world;
      const callback = await walk(alice, "/hubspot/connect?return_to=/settings");
      emulator.advance(600_001);
      const { status, links } = await alice.visit(callback);
      expect([status, links]).toEqual([400, ["/hubspot/connect?return_to=%2Fsettings", "/settings"]]);
      await assertUntouched(world);
    },
  },
  {
    name: "AB-02 another account than the one to be reconnected changes nothing: 409, and two ways to go on",
    emulator: { accounts: [{ hubId: 24681012 }, { hubId: 1357 }] },
    run: async ({ alice, walk, store, connected, oauth, emulator }) => {
      await alice.visit(await walk(alice));
      const before = await store.get("24681012");
      const { location = "" } = await alice.visit("/hubspot/connect?account=24681012&return_to=/a");
      const unpinned = location.replace("/oauth/24681012/authorize", "/oauth/authorize");
      const { status, links, text } = await alice.visit(await emulator.authorize(unpinned, { hubId: 1357 }));
      expect([status, links]).toEqual([409, ["/hubspot/connect?account=24681012&return_to=%2Fa", "/hubspot/connect?return_to=%2Fa", "/a"]]);
      expect(text).toContain("Nothing was stored");
      expect(await store.get("24681012")).toEqual(before);
      expect([await oauth.getAccount("1357"), connected.length]).toEqual([undefined, 1]);
      expect(emulator.count("revoke")).toBe(0);
    },
  },
  {
    name: "CB-10 callbacks that nobody began cause no token traffic",
    run: async (world) => {
      const { browser, walk, alice } = world;
      const state = new URL(await walk(alice)).searchParams.get("state") ?? "";
      const strangers = browser({});
      const answers = await Promise.all(strayCallbacks(50, state).map((path) => strangers.visit(path)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
      await assertUntouched(world);
    },
  },
];
