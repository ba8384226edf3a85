/** The whole way a client goes, over HTTP, in one test. */

import { expect, test } from "vitest";
import { start } from "./support.js";

test("authorize, exchange, refresh and three pages of contacts work end to end over HTTP", async () => {
  const emulator = await start();
  const { clientId, clientSecret, redirectUris } = emulator.app;
  const redirectUri = redirectUris[0] ?? "";
  const query = `client_id=${clientId}&redirect_uri=${encodeURIComponent(redirectUri)}&scope=crm.objects.contacts.read&state=s%201`;
  const callback = new URL(await emulator.authorize(`${emulator.origin}/oauth/authorize?${query}`));
  expect(callback.searchParams.get("state")).toBe("s 1");
  const post = async (form: Record<string, string>): Promise<Record<string, unknown>> => {
    const response = await fetch(`${emulator.origin}/oauth/2026-09/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, unknown>;
  };
  const client = { client_id: clientId, client_secret: clientSecret };
  const code = callback.searchParams.get("code") ?? "";
  const first = await post({
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    ...client,
  });
  const second = await post({
    grant_type: "refresh_token",
    refresh_token: String(first["refresh_token"]),
    ...client,
  });

  const ids: string[] = [];
  let url: string | undefined = `${emulator.origin}/crm/v3/objects/contacts?limit=10`;
  let pages = 0;
  while (url !== undefined) {
    const response: Response = await fetch(url, {
      headers: { authorization: `Bearer ${String(second["access_token"])}` },
    });
    const page = (await response.json()) as {
      results: { id: string }[];
      paging?: { next: { link: string } };
    };
    ids.push(...page.results.map((record) => record.id));
    url = page.paging?.next.link;
    pages++;
  }
  expect(pages).toBe(3);
  expect(new Set(ids).size).toBe(25);
  expect(emulator.requests.map((request) => [request.route, request.status, request.hubId])).toEqual([
    ["token", 200, emulator.accounts[0]?.hubId],
    ["token", 200, emulator.accounts[0]?.hubId],
    ...Array.from({ length: 3 }, () => ["objects-list", 200, emulator.accounts[0]?.hubId]),
  ]);
});
