/** CB-10: whoever knows the callback's URL can call it as often as he likes. It costs HubSpot nothing. */
import { expect, test } from "vitest";
import { createHandlers } from "../../src/handlers/fetch.js";
import { clientOf, emulate } from "../support/setup.js";
import { strayCallbacks } from "./stray-callbacks.js";

test("CB-10 a thousand callbacks that nobody began cause no token traffic, and the flow under way still completes", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const { callback } = createHandlers(oauth, { session: () => ({}), connectPath: "/hubspot/connect", onConnected: () => "/done" });
  const { url, state, cookie } = await oauth.createAuthorization();
  const strays = strayCallbacks(1_000, state);
  const statuses = new Set<number>();
  for (const path of strays) statuses.add((await callback(new Request(`https://app.example.com${path}`))).status);
  expect([...statuses]).toEqual([400]);
  expect([emulator.count("token"), store.get("24681012")]).toEqual([0, undefined]);
  const genuine = new Request(await emulator.authorize(url), { headers: { cookie: cookie?.split(";")[0] ?? "" } });
  expect((await callback(genuine)).headers.get("location")).toBe("/done");
});
