/** Published vulnerabilities of other login handlers, replayed against these. Above each, what the bug was. */
import { expect, test } from "vitest";
import { createHandlers } from "../../src/handlers/fetch.js";
import { clientOf, emulate } from "../support/setup.js";

const CONNECT = "https://app.example.com/hubspot/connect";

// A GET from any page began a sign-in in the victim's name, and ended with the attacker's account connected to the victim's.
test.each([
  { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
  { "sec-fetch-site": "cross-site", "sec-fetch-dest": "image" },
  { origin: "https://evil.example" },
])("CVE-2015-9284: a request of another site begins no flow: %o", async (headers) => {
  const emulator = await emulate();
  const { oauth, events } = clientOf(emulator);
  const handlers = createHandlers(oauth, {
    session: () => ({ accountIds: [] }),
    connectPath: "/hubspot/connect",
    onConnected: () => undefined,
  });
  const answer = await handlers.connect(new Request(CONNECT, { method: "origin" in headers ? "POST" : "GET", headers }));
  expect([answer.headers.get("location"), answer.headers.getSetCookie()]).toEqual([null, []]);
  expect(events).toEqual([]);
  // The person's own click does.
  const own = await handlers.connect(new Request(CONNECT, { headers: { "sec-fetch-site": "same-origin" } }));
  expect(own.headers.get("location")).toContain(`${emulator.origin}/oauth/authorize?`);
});
