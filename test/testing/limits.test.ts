/** The emulator's rate limits: what is counted together, what the headers say, which 429 comes, and when it ends. */

import { expect, test } from "vitest";
import { RateLimits } from "../../src/testing/emulator/rate-limits.js";
import type { LoopbackHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, call, client, connect, post, refresh, start } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";
const START_MS = Date.UTC(2026, 10, 22);
const now = (): number => START_MS;
const ID = expect.stringMatching(/^[0-9a-f-]{36}$/u) as string;

const header = (answer: Answer, name: string): string | null => answer.headers.get(`x-hubspot-ratelimit-${name}`);
const remaining = (answer: Answer): string | null => header(answer, "remaining");
const pat = (emulator: LoopbackHubSpotEmulator, account = 0): string => emulator.accounts[account]?.privateApps[0]?.token ?? "";

/** The statuses of so many calls, in order. */
async function statuses(count: number, make: () => Promise<Answer>): Promise<string> {
  const seen: number[] = [];
  for (let n = 0; n < count; n++) seen.push((await make()).status);
  return seen.join(" ").replaceAll(/(?<status>\d+)(?: \k<status>)+/gu, (run, status: string) => `${status}x${run.split(" ").length}`);
}

test("more calls than the limit in any window are refused, per app and account, and headers count down", async () => {
  const emulator = await start({ now, apps: [{}, {}], limits: { marketplace: { limit: 2, intervalMs: 1_000 } } });
  const one = await connect(emulator);
  const two = await connect(emulator, {}, { hubId: 135791113 });
  const contacts = (): Promise<Answer> => call(emulator, CONTACTS, one.access_token);
  expect([remaining(await contacts()), remaining(await contacts())]).toEqual(["1", "0"]);
  const refused = await contacts();
  expect(refused).toMatchObject({
    status: 429,
    body: { policyName: "TEN_SECONDLY_ROLLING", message: "You have reached your ten_secondly_rolling limit.", errorType: "RATE_LIMIT" },
  });
  expect([remaining(refused), header(refused, "max"), header(refused, "interval-milliseconds")]).toEqual(["0", "2", "1000"]);
  expect(refused.headers.get("retry-after")).toBeNull();
  expect(remaining(await call(emulator, CONTACTS, two.access_token))).toBe("1");
  emulator.advance(999);
  expect((await contacts()).status).toBe(429);
  emulator.advance(1);
  expect(remaining(await contacts())).toBe("1");
});

test("every call with somebody's token counts, also one that fails; one with nobody's does not", async () => {
  const emulator = await start({ now, limits: { marketplace: { limit: 2, intervalMs: 1_000 } } });
  const { access_token } = await connect(emulator);
  expect(await statuses(1, () => call(emulator, "/crm/v3/objects/deals", access_token))).toBe("403");
  expect(await statuses(3, () => call(emulator, CONTACTS, "nobody's"))).toBe("401x3");
  expect(await statuses(2, () => call(emulator, "/account-info/v3/details", access_token))).toBe("200 429");
});

test("nothing is limited unless a test says so, headers are generous then, and limits may be changed while it runs", async () => {
  const emulator = await start({ now });
  const { access_token } = await connect(emulator);
  const contacts = (): Promise<Answer> => call(emulator, CONTACTS, access_token);
  expect(await statuses(120, contacts)).toBe("200x120");
  expect([remaining(await contacts()), header(await contacts(), "daily")]).toEqual(["109", null]);
  const ofPrivate = await call(emulator, CONTACTS, pat(emulator));
  expect([remaining(ofPrivate), header(ofPrivate, "daily"), header(ofPrivate, "daily-remaining")]).toEqual(["99", "250000", "249999"]);
  emulator.settings.limits = { marketplace: { limit: 1, intervalMs: 1_000 } };
  await connect(emulator);
  expect(await statuses(2, contacts)).toBe("200 429");
  emulator.settings.limits = undefined;
  expect(await statuses(1, contacts)).toBe("200");
});

test.each([
  ["an OAuth app of the marketplace", 110, undefined, "starter"],
  ["an OAuth app with private distribution", 100, undefined, "starter"],
  ["a private app in a starter account", 100, "250000", "starter"],
  ["a private app in a professional account", 190, "625000", "professional"],
  ["a private app in an enterprise account", 190, "1000000", "enterprise"],
] as const)("by HubSpot's own numbers %s has %d calls in ten seconds", async (who, burst, daily, tier) => {
  const app = { distribution: who.includes("with private") ? "private" : "marketplace", allowedAccounts: [7] } as const;
  const emulator = await start({ now, app, limits: "hubspot", accounts: [{ hubId: 7, tier, contacts: 1 }] });
  const token = who.startsWith("an OAuth") ? (await connect(emulator)).access_token : pat(emulator);
  const contacts = (): Promise<Answer> => call(emulator, `${CONTACTS}?limit=1`, token);
  const first = await contacts();
  expect([header(first, "max"), header(first, "interval-milliseconds"), header(first, "daily") ?? undefined]).toEqual([
    String(burst),
    "10000",
    daily,
  ]);
  expect(await statuses(burst, contacts)).toBe(`200x${burst - 1} 429`);
  emulator.advance(10_000);
  expect(await statuses(1, contacts)).toBe("200");
});

test("the daily limit is the private apps' together, and ends at midnight where the account is", async () => {
  const accounts = [
    {
      hubId: 7,
      timeZone: "Europe/Berlin",
      privateApps: ["pat-eu1-a", "pat-eu1-b"].map((token) => ({ token, scopes: ["crm.objects.contacts.read"] })),
    },
    { hubId: 8, timeZone: "US/Eastern" },
  ];
  const emulator = await start({ now, accounts, limits: { daily: 2 } });
  const { access_token } = await connect(emulator);
  expect(await statuses(5, () => call(emulator, CONTACTS, access_token))).toBe("200x5");
  expect(header(await call(emulator, CONTACTS, "pat-eu1-a"), "daily-remaining")).toBe("1");
  expect(header(await call(emulator, CONTACTS, "pat-eu1-b"), "daily-remaining")).toBe("0");
  const refused = await call(emulator, CONTACTS, "pat-eu1-a");
  expect(refused.status).toBe(429);
  expect(refused.body).toEqual({
    status: "error",
    message: "You have reached your daily limit.",
    errorType: "RATE_LIMIT",
    correlationId: ID,
    policyName: "DAILY",
    requestId: ID,
  });
  expect([header(refused, "daily"), header(refused, "daily-remaining")]).toEqual(["2", "0"]);
  expect((await call(emulator, CONTACTS, pat(emulator, 1))).status).toBe(200);
  emulator.advance(23 * 3_600_000 - 1); // It is 01:00 in Berlin at the start.
  expect((await call(emulator, CONTACTS, "pat-eu1-a")).status).toBe(429);
  emulator.advance(1);
  expect((await call(emulator, CONTACTS, "pat-eu1-a")).status).toBe(200);
});

test("a call that the burst limit refuses costs nothing of the day", async () => {
  const emulator = await start({ now, limits: { private: { limit: 1, intervalMs: 1_000 }, daily: 2 } });
  const contacts = (): Promise<Answer> => call(emulator, CONTACTS, pat(emulator));
  expect(await statuses(3, contacts)).toBe("200 429x2");
  emulator.advance(1_000);
  expect(header(await contacts(), "daily-remaining")).toBe("0");
  emulator.advance(1_000);
  expect((await contacts()).body["policyName"]).toBe("DAILY");
});

test("token requests are limited per app by a number of their own, with the answer that was seen", async () => {
  const emulator = await start({ now, apps: [{}, {}], limits: { token: { limit: 2, intervalMs: 10_000 } } });
  const { refresh_token } = await connect(emulator);
  expect(await statuses(2, () => refresh(emulator, refresh_token))).toBe("200 429");
  const refused = await refresh(emulator, refresh_token);
  expect(refused.body).toEqual({ status: "error", message: "You have reached your rate limit.", errorType: "RATE_LIMIT" });
  expect(remaining(refused)).toBeNull();
  const other = { client_id: emulator.apps[1]?.clientId ?? "", client_secret: emulator.apps[1]?.clientSecret ?? "" };
  expect((await post(emulator, "/oauth/v3/token", { grant_type: "client_credentials", ...other })).status).toBe(400);
  expect((await post(emulator, "/oauth/v3/token/introspect", { token: "x", ...client(emulator) })).status).toBe(200);
  emulator.advance(10_000);
  expect((await refresh(emulator, refresh_token)).status).toBe(200);
});

test("searches count in a bucket of the account's own, without headers, whoever searches", async () => {
  const emulator = await start({ now, limits: "hubspot" });
  const { access_token } = await connect(emulator);
  const search = (token: string): Promise<Answer> => {
    const headers = { "content-type": "application/json" };
    return call(emulator, `${CONTACTS}/search`, token, { method: "POST", body: '{"limit":1}', headers });
  };
  expect(await statuses(3, () => search(access_token))).toBe("200x3");
  expect(await statuses(3, () => search(pat(emulator)))).toBe("200x2 429");
  const refused = await search(access_token);
  expect(refused.body).toEqual({
    status: "error",
    message: "You have reached your secondly limit.",
    correlationId: ID,
    category: "RATE_LIMITS",
  });
  expect([...refused.headers.keys()].filter((name) => /ratelimit|retry/u.test(name))).toEqual([]);
  expect((await search(pat(emulator, 1))).status).toBe(200);
  expect(remaining(await call(emulator, CONTACTS, access_token))).toBe("109");
  const daily = header(await call(emulator, CONTACTS, pat(emulator)), "daily-remaining");
  expect(daily).toBe("249999");
  emulator.advance(1_000);
  expect((await search(access_token)).status).toBe(200);
});

test("a million calls cost no memory and no time that grows", () => {
  const emulated = new RateLimits();
  const account = { hubId: 7, tier: "starter", timeZone: "UTC" } as const;
  const one = { kind: "api", account, app: "app", distribution: "marketplace", oauth: true } as const;
  let allowed = 0;
  for (let atMs = 0; atMs < 1_000_000; atMs++) if (emulated.count(one, "hubspot", atMs).refusedBy === undefined) allowed++;
  // 110 at the start of each window: they leave it in the order they came.
  expect(allowed).toBe(110 * 100);
});
