/** The handlers as functions from `Request` to `Response`: the connection of a person, end to end. */
import { expect, test } from "vitest";
import { createHandlers } from "../../src/handlers/fetch.js";
import { clientOf, emulate } from "../support/setup.js";

test("a person connects, and is disconnected again", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const connected: string[] = [];
  const handlers = createHandlers(oauth, {
    session: () => ({ accountIds: connected }),
    connectPath: "/hubspot/connect",
    onConnected: ({ accountId }) => void connected.push(accountId),
  });
  const origin = "https://app.example.com";
  const started = await handlers.connect(new Request(`${origin}/hubspot/connect?return_to=/settings`));
  expect(started.status).toBe(303);
  const [cookie = ""] = started.headers.getSetCookie();
  const callback = await emulator.authorize(started.headers.get("location") ?? "");
  const done = await handlers.callback(new Request(callback, { headers: { cookie: cookie.split(";")[0] ?? "" } }));
  expect([done.status, done.headers.get("location")]).toEqual([303, "/settings"]);
  expect(connected).toEqual(["24681012"]);
  const gone = await handlers.disconnect(new Request(`${origin}/hubspot/disconnect?account=24681012`, { method: "POST" }));
  expect([gone.status, gone.headers.get("location")]).toEqual([303, "/"]);
  expect(store.get("24681012")).toBeUndefined();
});
