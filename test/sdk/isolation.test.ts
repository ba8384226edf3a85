/** Accounts beside each other on one client of the SDK, whose limiter, retries and API objects they share or not. In 13 and in 14. */
import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { connectHubSpotClient } from "../../src/sdk/hubspot-api-client.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { type HttpServer, httpServer } from "../transport/servers.js";
import { CONTACTS, type SdkClient, sdks } from "./sdks.js";

/** One account's call, by each way in turn; `mark` travels in the query. */
function callNumber(number: number, hubspot: SdkClient, held: SdkClient["crm"]["contacts"]["basicApi"], mark: string): Promise<unknown> {
  if (number % 3 === 0) return hubspot.apiRequest({ path: CONTACTS, qs: { properties: mark, limit: 1 } });
  return (number % 3 === 1 ? held : hubspot.crm.contacts.basicApi).getPage(1, undefined, [mark]);
}

/**
 * Counts the requests that are open at once. Answers when so many came `together`; one by one, it gives others the time to come first, which
 * they would if nothing held them back.
 */
async function crowdServer(together: number): Promise<HttpServer & { readonly most: () => number }> {
  const open = new Set<ServerResponse>();
  let most = 0;
  const answer = (response: ServerResponse): void => {
    open.delete(response);
    response.writeHead(200, { "content-type": "application/json" }).end('{"results":[]}');
  };
  const server = await httpServer((request, response) => {
    request.resume();
    most = Math.max(most, open.add(response).size);
    if (together === 1) void turns(25).then(() => answer(response));
    else if (open.size === together) for (const held of open) answer(held);
  });
  return { ...server, most: () => most };
}

/** Turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The calls that did not carry the token they were meant to. */
const strangers = ({ requests }: HttpServer): string[] =>
  requests.flatMap(({ url, headers }) => {
    const { searchParams } = new URL(url ?? "", "http://localhost");
    return headers.authorization === `Bearer ${searchParams.get("properties")}` ? [] : [`${url} ${headers.authorization}`];
  });

describe.each(sdks)("%s", (_, Client) => {
  it("1,000 calls of two accounts on one client, tokens ending meanwhile: none carries the other's", { timeout: 60_000 }, async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const ids = [];
    for (const { hubId } of emulator.accounts) ids.push(await connect(oauth, emulator, { hubId }));
    const sdk = new Client();
    const accounts = ids.map((id) => {
      const hubspot = connectHubSpotClient(sdk, oauth.account(id));
      return { id, hubspot, held: hubspot.crm.contacts.basicApi };
    });
    expect(new Set(ids).size).toBe(2);
    emulator.clearRequests();
    for (let round = 0; round < 20; round++) {
      emulator.expireTokens(ids[round % 2]);
      if (round % 5 === 4) emulator.advance(31 * 60_000);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (__, number) => {
          const account = accounts[number % 2] as (typeof accounts)[0];
          return callNumber(number, account.hubspot, account.held, account.id);
        }),
      );
      expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
    }
    const calls = emulator.requests.filter(({ path }) => path === CONTACTS);
    expect(calls.filter(({ status }) => status === 200)).toHaveLength(1_000);
    expect(calls.filter(({ query, hubId }) => query["properties"] !== String(hubId))).toEqual([]);
    expect(calls.filter(({ status }) => status === 401).length).toBeGreaterThan(100);
  });

  it("calls in flight keep the token they were given, when each call has one of its own", async () => {
    const server = await crowdServer(10);
    let issued = 0;
    const given: string[] = [];
    const credential = {
      id: "mine",
      // As it comes: at once, or after others have begun.
      authorize: () => {
        const token = given[issued++] ?? "";
        const authorization = { headers: { authorization: `Bearer ${token}` } };
        return issued % 2 === 0
          ? authorization
          : new Promise<typeof authorization>((resolve) => setImmediate(() => resolve(authorization)));
      },
    };
    const hubspot = connectHubSpotClient(new Client({ basePath: server.origin }), credential);
    const held = hubspot.crm.contacts.basicApi;
    await Promise.all(
      Array.from({ length: 200 }, (__, number) => {
        given.push(`t-${number}`);
        return callNumber(number, hubspot, held, `t-${number}`);
      }),
    );
    expect(server.requests).toHaveLength(200);
    expect(server.most()).toBe(10);
    expect(strangers(server)).toEqual([]);
  });

  it("the client that was connected stays as it is: its own token, its options, its API objects", async () => {
    const server = await crowdServer(4);
    const config = { basePath: server.origin, accessToken: "of-the-client", defaultHeaders: { "x-app": "1" } };
    const sdk = new Client(config);
    const before = { ...sdk.config, defaultHeaders: { ...config.defaultHeaders } };
    const api = sdk.crm.contacts;
    const hubspot = connectHubSpotClient(sdk, { id: "mine", authorize: () => ({ headers: { authorization: "Bearer of-the-account" } }) });
    await Promise.all([
      hubspot.crm.contacts.basicApi.getPage(1),
      sdk.crm.contacts.basicApi.getPage(1),
      hubspot.apiRequest(),
      sdk.apiRequest(),
    ]);
    expect(server.requests.map(({ headers }) => headers.authorization ?? "").toSorted((a, b) => a.localeCompare(b))).toEqual([
      "Bearer of-the-account",
      "Bearer of-the-account",
      "Bearer of-the-client",
      "Bearer of-the-client",
    ]);
    expect(sdk.crm.contacts).toBe(api);
    expect(sdk.config).toMatchObject(before);
  });

  it("a limiter holds for all accounts, through changes of the token", async () => {
    const server = await crowdServer(1);
    const sdk = new Client({ basePath: server.origin, limiterOptions: { maxConcurrent: 1 } });
    // The limiter is the process's: without this the tests after this one would have it too.
    onTestFinished(() => void new Client());
    const accounts = ["a", "b"].map((name) => {
      let calls = 0;
      const authorize = () => ({ headers: { authorization: `Bearer ${name}-${++calls}` } });
      return connectHubSpotClient(sdk, { id: name, authorize });
    });
    await Promise.all(
      Array.from({ length: 30 }, (__, number) => {
        const hubspot = accounts[number % 2] as SdkClient;
        return callNumber(
          Math.floor(number / 2),
          hubspot,
          hubspot.crm.contacts.basicApi,
          `${"ab"[number % 2]}-${Math.floor(number / 2) + 1}`,
        );
      }),
    );
    expect(server.requests).toHaveLength(30);
    expect(strangers(server)).toEqual([]);
    expect(server.most()).toBe(1);
  });

  it("the limiter of the client constructed last is the process's, which is the SDK's own doing", async () => {
    const server = await crowdServer(10);
    const sdk = new Client({ basePath: server.origin, limiterOptions: { maxConcurrent: 1 } });
    const hubspot = connectHubSpotClient(sdk, { id: "mine", authorize: () => ({ headers: { authorization: "Bearer t" } }) });
    void new Client();
    await Promise.all(Array.from({ length: 10 }, () => hubspot.crm.contacts.basicApi.getPage(1)));
    expect(server.most()).toBe(10);
  });
});
