/** `emulator.faults`: which request meets which fault, and how often. What each fault does is in fault-wire.test.ts. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Fault, FaultRule } from "../../src/testing/index.js";
import { call, client, connect, post, refresh, send, start } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";
const LOCKED: Fault = { kind: "locked" };

test("a fault meets one request, the first that matches, and is gone", async () => {
  const emulator = await start();
  const handle = emulator.faults.add({ match: "unknown", fault: LOCKED });
  expect(emulator.faults.list()).toEqual([handle]);
  expect([handle.hits, handle.remaining]).toEqual([0, 1]);
  await send(`${emulator.origin}/oauth/authorize`);
  expect((await send(`${emulator.origin}/x`)).status).toBe(423);
  expect((await handle.arrived).path).toBe("/x");
  expect([handle.hits, handle.remaining]).toEqual([1, 0]);
  expect(emulator.faults.list()).toEqual([]);
  expect((await send(`${emulator.origin}/x`)).status).toBe(404);
});

test("times, skip and remove() count requests", async () => {
  const emulator = await start();
  const statuses = async (count: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let n = 0; n < count; n++) seen.push((await send(`${emulator.origin}/x`)).status);
    return seen;
  };
  emulator.faults.add({ fault: LOCKED, skip: 1, times: 2 });
  expect(await statuses(4)).toEqual([404, 423, 423, 404]);
  const endless = emulator.faults.add({ fault: LOCKED, times: Number.POSITIVE_INFINITY });
  expect(await statuses(3)).toEqual([423, 423, 423]);
  expect([endless.hits, endless.remaining]).toEqual([3, Number.POSITIVE_INFINITY]);
  endless.remove();
  endless.remove();
  expect(endless.remaining).toBe(0);
  expect(await statuses(1)).toEqual([404]);
});

test("the rule that was added first is asked first, one that does not fire leaves the request to the next, and clear() ends all", async () => {
  const emulator = await start();
  emulator.faults.add({ fault: LOCKED, skip: 1 });
  emulator.faults.add({ fault: { kind: "gated" }, times: 2 });
  const status = async (): Promise<number> => (await send(`${emulator.origin}/x`)).status;
  expect(await status()).toBe(403);
  expect(await status()).toBe(423);
  emulator.faults.clear();
  expect(await status()).toBe(404);
});

test("a match may name route, account, app, method, path, grant type and headers, or be a function", async () => {
  const emulator = await start({ apps: [{}, {}] });
  const [harbour, nordlicht] = emulator.accounts;
  const one = await connect(emulator);
  const two = await connect(emulator, {}, { hubId: nordlicht?.hubId });
  const met = async (match: FaultRule["match"], ...requests: (() => Promise<unknown>)[]): Promise<(number | undefined)[]> => {
    const handle = emulator.faults.add({ match, fault: LOCKED, times: Number.POSITIVE_INFINITY });
    emulator.clearRequests();
    for (const request of requests) await request();
    handle.remove();
    return emulator.requests.map(({ status }) => status);
  };
  const contacts = (token: string, headers = {}) => call(emulator, CONTACTS, token, { headers });
  expect(await met("account-info", () => contacts(one.access_token))).toEqual([200]);
  expect(
    await met(
      { hubId: harbour?.hubId ?? 0 },
      () => contacts(one.access_token),
      () => contacts(two.access_token),
    ),
  ).toEqual([423, 200]);
  const otherApp = emulator.apps[1]?.clientId ?? "";
  expect(
    await met(
      { clientId: otherApp },
      () => contacts(one.access_token),
      () => post(emulator, "/oauth/v3/token", { client_id: otherApp, grant_type: "refresh_token" }),
      () => send(`${emulator.origin}/oauth/authorize?client_id=${otherApp}`),
    ),
  ).toEqual([200, 423, 423]);
  expect(await met({ clientId: emulator.app.clientId, method: "get", path: CONTACTS }, () => contacts(one.access_token))).toEqual([423]);
  expect(
    await met(
      { grantType: "refresh_token" },
      () => refresh(emulator, one.refresh_token),
      () => post(emulator, "/oauth/v3/token", { grant_type: "client_credentials", ...client(emulator) }),
    ),
  ).toEqual([423, 400]);
  expect(
    await met(
      { headers: { "X-Trial": "7", Accept: /json$/u } },
      () => contacts(one.access_token, { "x-trial": "7", accept: "application/json" }),
      () => contacts(one.access_token, { "x-trial": "8", accept: "application/json" }),
      () => contacts(one.access_token, { accept: "application/json" }),
    ),
  ).toEqual([423, 200, 200]);
  expect(
    await met(
      ({ query }) => query["limit"] === "1",
      () => call(emulator, `${CONTACTS}?limit=1`, one.access_token),
      () => contacts(one.access_token),
    ),
  ).toEqual([423, 200]);
});

test("a probability with a seed picks the same requests again, and a handle tells its seed", async () => {
  const pattern = async (rule: Partial<FaultRule>): Promise<[string, number]> => {
    const emulator = await start();
    const { seed } = emulator.faults.add({ fault: LOCKED, times: Number.POSITIVE_INFINITY, probability: 0.5, ...rule });
    let seen = "";
    for (let n = 0; n < 32; n++) seen += (await send(`${emulator.origin}/x`)).status === 423 ? "x" : ".";
    return [seen, seed];
  };
  const [first, seed] = await pattern({});
  expect(await pattern({ seed })).toEqual([first, seed]);
  expect((await pattern({ seed: 7 }))[0]).toBe("xx...xxx..xx..xxx.x.x.xxxx..x...");
  // The others keep their luck.
  expect((await pattern({ seed: 7, skip: 2 }))[0]).toBe(".....xxx..xx..xxx.x.x.xxxx..x...");
});

test("a wrong rule is refused with a sentence that names what is wrong", async () => {
  const { faults } = await start();
  const refusals: [unknown, string][] = [
    [{ fault: { kind: "gremlin" } }, 'there is no kind "gremlin"'],
    [{ fault: { kind: "__proto__" } }, 'there is no kind "__proto__"'],
    [{ fault: { kind: "hang", seconds: 3 } }, "there is no parameter seconds; it has process"],
    [{ fault: { kind: "gated", constructor: 3 } }, "there is no parameter constructor; it has none"],
    [{ fault: { kind: "rate-limit", policy: "WEEKLY" } }, 'policy must be "TEN_SECONDLY_ROLLING" or "SECONDLY"'],
    [{ fault: { kind: "rate-limit", retryAfter: 3 } }, "retryAfter must be a string"],
    [{ fault: { kind: "drip", bytes: 0 } }, "bytes must be an integer from 1 to 1048576"],
    [{ fault: { kind: "hang", process: "yes" } }, "process must be true or false"],
    [{ fault: { kind: "missing-scopes", scopes: "x" } }, "scopes must be a list of strings"],
    [{ fault: { kind: "answer", headers: { a: 1 } } }, "headers must be an object of strings"],
    [{}, "fault must be an object with a kind"],
    [{ fault: LOCKED, time: 2 }, "a fault's rule has no time; it has match, fault, times"],
    [{ fault: LOCKED, times: 0 }, "times must be a positive integer or Infinity"],
    [{ fault: LOCKED, skip: -1 }, "skip must be"],
    [{ fault: LOCKED, probability: 0 }, "probability must be"],
    [{ fault: LOCKED, seed: 0.5 }, "seed must be"],
  ];
  for (const [rule, message] of refusals) expect(() => faults.add(rule as FaultRule)).toThrow(message);
  expect(faults.list()).toEqual([]);
});

test("rules may be given as JSON, from the start", async () => {
  const file = JSON.stringify({
    faults: [
      { match: { route: "unknown", headers: { "x-trial": "7" } }, fault: { kind: "rate-limit", policy: "DAILY" }, times: 2, skip: 1 },
      { fault: { kind: "answer", status: 418, body: { short: "stout" } }, probability: 0.5, seed: 7 },
    ],
  });
  const emulator = await start(JSON.parse(file) as { faults: FaultRule[] });
  const status = async (headers = {}): Promise<number> => (await send(`${emulator.origin}/x`, { headers })).status;
  expect(await status()).toBe(418);
  expect(await status()).toBe(404);
  expect([await status({ "x-trial": "7" }), await status({ "x-trial": "7" })]).toEqual([404, 429]);
  expect(JSON.parse(JSON.stringify(emulator.faults.list()))).toMatchObject([
    { id: "fault-1", hits: 1, remaining: 1, rule: { fault: { kind: "rate-limit", policy: "DAILY" } } },
  ]);
  await expect(start({ faults: [{ fault: { kind: "gremlin" } as unknown as Fault }] })).rejects.toThrow('there is no kind "gremlin"');
});

test("every kind is listed with a label and parameters whose defaults it takes", async () => {
  const { faults } = await start();
  for (const { kind, label, parameters } of faults.kinds) {
    expect(label).toMatch(/^[A-Z0-9]/u);
    const defaults = Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, parameter.default]));
    faults.add({ fault: { kind, ...defaults } });
  }
  const docs = readFileSync(new URL("../../docs/emulator.md", import.meta.url), "utf8");
  const table = docs.split("\n").filter((line) => line.startsWith("| `"));
  expect(faults.kinds.map(({ kind }) => kind).filter((kind) => !table.some((row) => row.split("|")[1]?.includes(`\`${kind}\``)))).toEqual(
    [],
  );
  expect(new Set(faults.kinds.map(({ label }) => label)).size).toBe(faults.kinds.length);
  expect(faults.list()).toHaveLength(faults.kinds.length);
});
