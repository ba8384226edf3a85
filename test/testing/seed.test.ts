/** The emulator's seed: the same values again in every run, and none of them when there is no seed or another. */

import { expect, test } from "vitest";
import { call, connect, exchange, grantCode, send, start } from "./support.js";

/** Everything an emulator makes up on a short walk. */
async function walk(seed: number | undefined): Promise<unknown[]> {
  const emulator = await start({ now: () => Date.UTC(2026, 10, 22), refreshTokenRotation: "strict", ...(seed !== undefined && { seed }) });
  const code = await grantCode(emulator);
  const { body } = await exchange(emulator, code);
  const error = await call(emulator, "/crm/v3/objects/deals", String(body["access_token"]));
  const known = await call(emulator, "/crm/v3/objects/contacts", String(body["access_token"]));
  const { clientId, clientSecret, developerApiKey } = emulator.app;
  const dice = emulator.faults.add({ fault: { kind: "hang" }, probability: 0.5 }).seed;
  return [
    clientId,
    clientSecret,
    developerApiKey,
    emulator.accounts[0]?.privateApps[0]?.token,
    code,
    body["access_token"],
    body["refresh_token"],
    error.body["correlationId"],
    known.headers.get("x-hubspot-correlation-id"),
    dice,
  ];
}

test("one seed makes the same values in every run", async () => {
  expect(await walk(7)).toEqual(await walk(7));
});

test("no value is the same under another seed, or without one, and all keep their form", async () => {
  const [one, two, none, again] = [await walk(7), await walk(8), await walk(undefined), await walk(undefined)];
  const all = [one, two, none, again].flat();
  expect(new Set(all).size).toBe(all.length);
  for (const [clientId, , , pat, code, accessToken, refreshToken, correlationId] of [one, none]) {
    expect(clientId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    expect(pat).toMatch(/^pat-na1-[0-9a-f-]{36}$/u);
    expect(code).toMatch(/^na1-[0-9a-f-]{36}$/u);
    expect(accessToken).toMatch(/^[\w-]{536}$/u);
    expect(refreshToken).toMatch(/^na1-[0-9a-f-]{36}$/u);
    expect(correlationId).toMatch(/^[0-9a-f-]{36}$/u);
  }
});

test("an error's correlation id is one, in header and body, with a seed as without", async () => {
  for (const options of [{ seed: 7 }, {}]) {
    const emulator = await start(options);
    const { access_token } = await connect(emulator);
    for (const fault of [{ kind: "gated" }, { kind: "rate-limit" }] as const) {
      emulator.faults.add({ fault });
      const { headers, body } = await call(emulator, "/crm/v3/objects/contacts", access_token);
      expect(body["correlationId"]).toBe(headers.get("x-hubspot-correlation-id"));
    }
    expect((await send(`${emulator.origin}/x`)).headers.get("x-hubspot-correlation-id")).toMatch(/^[0-9a-f-]{36}$/u);
  }
});

test("a seed that is no integer is refused", async () => {
  await expect(start({ seed: 0.5 })).rejects.toThrow("seed must be an integer");
});
