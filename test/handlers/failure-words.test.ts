/** What an application's own error page is told: the words of the default page, so that it need not find its own. */
import { expect, test } from "vitest";
import { createHandlers, type HandlerFailure } from "../../src/handlers/fetch.js";
import { clientOf, emulate } from "../support/setup.js";

test("onError is told the title and the text of the default page, and nothing that came from outside", async () => {
  const { oauth } = clientOf(await emulate());
  const failures: HandlerFailure[] = [];
  const handlers = createHandlers(oauth, {
    session: () => ({}),
    connectPath: "/hubspot/connect",
    onConnected: () => undefined,
    onError: (failure) => void failures.push(failure),
  });
  const answers = [
    await handlers.callback(new Request("https://app.example.com/hubspot/callback?code=CANARY&state=CANARY")),
    await handlers.connect(new Request("https://app.example.com/hubspot/connect?account=CANARY")),
  ];
  expect(failures.map(({ code, title }) => [code, title])).toEqual([
    ["state_mismatch", "HubSpot was not connected"],
    ["account_not_allowed", "This is not your account"],
  ]);
  for (const [index, { title, text }] of failures.entries()) {
    const page = await answers[index]?.text();
    expect(page).toContain(`<h1>${title}</h1><p>${text}</p>`);
    expect(`${title} ${text}`).not.toContain("CANARY");
  }
});
