/** Cases of the handlers' contract: HubSpot, a store or the application fails, and the person reads something true. */
import { expect } from "vitest";
import type { HandlerCase } from "./contract.js";

const down = Object.assign(new Error("CANARY down"), { code: "ECONNREFUSED" });
const broken = (): never => {
  throw new Error("CANARY of the application");
};

/** What the token endpoint says at the exchange, and what the person gets to see. */
const EXCHANGES: readonly (readonly [
  says: string,
  answer: { status: number; body?: unknown; headers?: Record<string, string> },
  status: number,
])[] = [
  ["is down", { status: 503, body: "CANARY" }, 503],
  [
    "is limited",
    { status: 429, body: { status: "error", errorType: "RATE_LIMIT", message: "CANARY" }, headers: { "retry-after": "7" } },
    503,
  ],
  ["refuses the code", { status: 400, body: { status: "BAD_AUTH_CODE", error: "invalid_grant", message: "CANARY" } }, 502],
  ["makes no sense", { status: 200, body: "<html>CANARY</html>" }, 502],
  ["refuses the app's secret", { status: 400, body: { status: "BAD_CLIENT_SECRET", error: "invalid_client", message: "CANARY" } }, 500],
];

export const failureCases: readonly HandlerCase[] = [
  {
    name: "CB-06 an exchange that fails is said so by its class, is not sent again, and stores nothing; another try works",
    run: async ({ alice, walk, emulator, store, connected, tokenPosts }) => {
      for (const [says, answer, expected] of EXCHANGES) {
        const callback = await walk(alice, "/hubspot/connect?return_to=/settings");
        const before = tokenPosts();
        emulator.respondOnce("token", answer);
        const { status, text, links, headers } = await alice.visit(callback);
        expect(status, says).toBe(expected);
        expect(text).not.toContain("CANARY");
        expect(headers.get("retry-after"), says).toBe(says === "is limited" ? "7" : null);
        expect(links, says).toEqual(expected === 500 ? ["/settings"] : ["/hubspot/connect?return_to=%2Fsettings", "/settings"]);
        expect([tokenPosts() - before, alice.flowCookies, await store.get("24681012"), connected], says).toEqual([1, [], undefined, []]);
        expect((await alice.visit(callback)).status, "ST-05 the state is used up").toBe(400);
        expect(tokenPosts() - before).toBe(1);
      }
      expect((await alice.visit(await walk(alice))).status).toBe(303);
      expect(connected).toHaveLength(1);
    },
  },
  {
    name: "CB-06 HubSpot cannot be reached at the exchange: 503, and nothing is stored",
    run: async ({ alice, walk, emulator, store, failures }) => {
      const callback = await walk(alice);
      await emulator.close();
      expect((await alice.visit(callback)).status).toBe(503);
      expect([failures[0]?.code, await store.get("24681012")]).toEqual(["network", undefined]);
    },
  },
  {
    name: "the token store is down: 503, nothing is called connected, and another try works",
    run: async ({ alice, walk, store, connected, failures }) => {
      const callback = await walk(alice);
      store.down = down;
      const { status, links, text } = await alice.visit(callback);
      expect([status, failures[0]?.code, links]).toEqual([503, "token_store", ["/hubspot/connect", "/"]]);
      expect(text).not.toContain("CANARY");
      expect(connected).toEqual([]);
      store.down = undefined;
      expect((await alice.visit(await walk(alice))).status).toBe(303);
    },
  },
  {
    name: "the state store is down: 503, and no code is sent",
    client: { stateStore: { consume: () => Promise.reject(down) } },
    run: async ({ alice, walk, tokenPosts }) => {
      expect((await alice.visit(await walk(alice))).status).toBe(503);
      expect(tokenPosts()).toBe(0);
    },
  },
  {
    name: "onConnected fails: the tokens are stored and the page says what happened; connecting once more runs it again",
    options: { onConnected: broken },
    run: async ({ alice, walk, store, failures }) => {
      const { status, text, links } = await alice.visit(await walk(alice, "/hubspot/connect?return_to=/a"));
      expect([status, links, alice.flowCookies]).toEqual([500, ["/hubspot/connect?return_to=%2Fa", "/a"], []]);
      expect(text).toContain("HubSpot granted access, but this app could not finish");
      expect(text).not.toContain("CANARY");
      expect(failures[0]).toMatchObject({ step: "callback", code: "app_failed", error: { message: "CANARY of the application" } });
      const first = await store.get("24681012");
      expect(first).toBeDefined();
      await alice.visit(await walk(alice, links[0]));
      expect((await store.get("24681012"))?.grantId).not.toBe(first?.grantId);
      expect(failures).toHaveLength(2);
    },
  },
  {
    name: "onConnected answers with another origin: that is a failure of the application, not a redirect",
    options: { onConnected: () => "https://evil.example/" },
    run: async ({ alice, walk, failures }) => {
      const { status, location } = await alice.visit(await walk(alice));
      expect([status, location, failures[0]?.code]).toEqual([500, undefined, "app_failed"]);
    },
  },
  {
    name: "session fails: 500 at every handler, nothing exchanged, and the flow still completes in a better moment",
    options: { session: broken },
    run: async ({ alice, failures, tokenPosts }) => {
      for (const answer of [
        await alice.visit("/hubspot/connect"),
        await alice.visit("/hubspot/callback?code=na1-some-code&state=some-state"),
        await alice.submit("/hubspot/disconnect?account=24681012"),
      ]) {
        expect(answer.status).toBe(500);
        expect(answer.text).not.toContain("CANARY");
      }
      expect([failures.map(({ step, code }) => `${step} ${code}`), tokenPosts()]).toEqual([
        ["connect unexpected", "callback unexpected", "disconnect unexpected"],
        0,
      ]);
    },
  },
  {
    name: "onError fails: the default page is shown all the same",
    options: { onError: broken },
    run: async ({ browser }) => expect((await browser({}).visit("/hubspot/connect")).status).toBe(401),
  },
  {
    name: "onDenied fails: an error page that leads back to where the person came from, and the flow's cookie is gone",
    options: { onDenied: broken },
    run: async ({ alice, walk, failures }) => {
      expect((await alice.visit(await walk(alice, "/hubspot/connect?return_to=/deals", { decision: "deny" }))).status).toBe(500);
      expect([failures[0]?.code, failures[0]?.returnTo, alice.flowCookies]).toEqual(["unexpected", "/deals", []]);
    },
  },
  {
    name: "a context that cannot be sealed is the application's mistake: 500 and no flow",
    options: { session: () => ({ context: { tenant: "x".repeat(2_000) } }) },
    run: async ({ alice, failures, events }) => {
      expect((await alice.visit("/hubspot/connect")).status).toBe(500);
      expect([failures[0]?.error, events]).toEqual([expect.any(TypeError), []]);
    },
  },
];
