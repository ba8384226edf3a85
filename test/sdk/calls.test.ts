/** Calls of the SDK through a stand-in: the token of the moment on each, by whatever way, in 13 and in 14. On the emulator. */
import { describe, expect, it } from "vitest";
import { developerApiKey, privateAppToken } from "../../src/index.js";
import { connectHubSpotClient } from "../../src/sdk/hubspot-api-client.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, emulate } from "../support/setup.js";
import { CALLS, CONTACTS, refusal, type SdkClient, sdks, sdkScene } from "./sdks.js";

const HALF_AN_HOUR = 30 * 60_000;

describe.each(sdks)("%s", (_, Client) => {
  it("a typed call carries the account's token and answers as the SDK does", async () => {
    const { hubspot, store, id, bearers } = await sdkScene(Client);
    const page = await hubspot.crm.contacts.basicApi.getPage(2);
    expect(page.results).toHaveLength(2);
    expect(page.results[0]?.createdAt).toBeInstanceOf(Date);
    expect(bearers()).toEqual([store.inner.get(id)?.accessToken]);
  });

  it.each<[string, (hubspot: SdkClient) => Promise<unknown>]>([
    ["a typed call", (hubspot) => hubspot.crm.contacts.basicApi.getPage(1)],
    ["a call with its HTTP details", (hubspot) => hubspot.crm.contacts.basicApi.getPageWithHttpInfo(1)],
    ["apiRequest", (hubspot) => hubspot.apiRequest({ path: CONTACTS })],
    [
      "apiRequest with a full URL on the API's origin",
      (hubspot) => hubspot.apiRequest({ overlapUrl: `${hubspot.config.basePath}${CONTACTS}` }),
    ],
    ["apiRequest without options", (hubspot) => hubspot.apiRequest()],
    [
      "an API two levels down",
      (hubspot) => hubspot.crm.associations.v4.basicApi.getPage("contacts", "1", "companies").catch(() => undefined),
    ],
  ])("%s goes where the account's client goes, with its token", async (__, call) => {
    const { hubspot, store, id, counts, bearers } = await sdkScene(Client);
    await call(hubspot);
    expect(counts()).toEqual({ calls: 1, refreshes: 0 });
    expect(bearers()).toEqual([store.inner.get(id)?.accessToken]);
  });

  it("an API object held for half an hour sends the token of the moment, refreshed before the call", async () => {
    const { emulator, hubspot, store, id, bearers, counts } = await sdkScene(Client);
    const { basicApi } = hubspot.crm.contacts;
    await basicApi.getPage(1);
    emulator.advance(HALF_AN_HOUR);
    await basicApi.getPage(1);
    await basicApi.getPage(1);
    const token = store.inner.get(id)?.accessToken;
    expect(bearers().slice(1)).toEqual([token, token]);
    expect(bearers()[0]).not.toBe(token);
    expect(counts()).toEqual({ calls: 3, refreshes: 1 });
  });

  it("getAll takes the token of the moment for each page", async () => {
    const { emulator, hubspot, counts } = await sdkScene(Client);
    // The token ends while the first page is on its way back: only the second is asked for again.
    const held = gate();
    const first = emulator.respondOnce(CALLS, { until: held.opened });
    void first.arrived.then(() => {
      emulator.expireTokens();
      held.open();
    });
    const contacts = await hubspot.crm.contacts.getAll(10);
    expect(contacts).toHaveLength(25);
    expect(counts()).toEqual({ calls: 4, refreshes: 1 });
  });

  it("what needs no call stays synchronous", async () => {
    const { hubspot, counts } = await sdkScene(Client);
    expect(hubspot.oauth.getAuthorizationUrl("id", "https://app.example/callback", "oauth")).toMatch(
      /^https:\/\/app\.hubspot\.com\/.*client_id=id/,
    );
    expect(counts().calls).toBe(0);
  });

  it("a body is sent as the SDK makes it", async () => {
    const emulator = await emulate();
    const token = emulator.accounts[0]?.privateApps[0]?.token;
    const hubspot = connectHubSpotClient(new Client({ basePath: emulator.origin }), privateAppToken(token));
    const properties = { email: "a@b.example" };
    const { id } = await hubspot.crm.contacts.basicApi.create({ properties, associations: [] });
    const answer = await hubspot.apiRequest({ method: "PATCH", path: `${CONTACTS}/${id}`, body: { properties: { firstname: "Ada" } } });
    expect(await answer.json()).toMatchObject({ id, properties: { firstname: "Ada" } });
    expect(emulator.requests.map(({ json }) => json)).toMatchObject([{ properties }, { properties: { firstname: "Ada" } }]);
  });

  it("basePath of the client's own comes first, in typed calls and in apiRequest", async () => {
    const other = await emulate();
    const { hubspot, counts } = await sdkScene(Client, { basePath: other.origin });
    await hubspot.crm.contacts.basicApi.getPage(1).catch(() => undefined);
    await hubspot.apiRequest({ path: CONTACTS });
    expect(other.count(CALLS)).toBeGreaterThanOrEqual(2);
    expect(counts().calls).toBe(0);
  });

  it("a private app token is sent as it is, and a 401 is final", async () => {
    const emulator = await emulate();
    const token = emulator.accounts[0]?.privateApps[0]?.token;
    const hubspot = connectHubSpotClient(new Client({ basePath: emulator.origin }), privateAppToken(token));
    await hubspot.crm.contacts.basicApi.getPage(1);
    emulator.respondOnce(CALLS, { status: 401, body: { category: "INVALID_AUTHENTICATION" } });
    await expect(hubspot.crm.contacts.basicApi.getPage(1)).rejects.toMatchObject({ code: 401 });
    expect(emulator.requests.map(({ headers }) => headers["authorization"])).toEqual([`Bearer ${token}`, `Bearer ${token}`]);
  });

  it("the app's own token is sent, renewed once when HubSpot says that it expired", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const hubspot = connectHubSpotClient(new Client(), oauth.clientCredentials(["developer.webhooks_journal.read"]));
    const journal = { path: "/webhooks-journal/journal/2026-03/earliest" };
    emulator.respondOnce(journal, refusal("EXPIRED_AUTHENTICATION"));
    emulator.respondOnce(journal, { status: 200, body: { offset: "1" } });
    expect(await (await hubspot.apiRequest(journal)).json()).toEqual({ offset: "1" });
    const tokens = emulator.requests.filter(({ path }) => path === journal.path).map(({ headers }) => headers["authorization"]);
    expect([new Set(tokens).size, tokens.length, emulator.count({ grantType: "client_credentials" })]).toEqual([2, 2, 2]);
  });

  it("a developer API key is refused when connecting, and named by the SDK's own option", () => {
    expect(() => connectHubSpotClient(new Client(), developerApiKey("dev-key"))).toThrow(/new Client\(\{ developerApiKey \}\)/);
  });

  it("a developer API key of the SDK's own goes on working beside the account's token", async () => {
    const emulator = await emulate();
    const sdk = new Client({ basePath: emulator.origin, developerApiKey: emulator.app.developerApiKey });
    const hubspot = connectHubSpotClient(sdk, privateAppToken("pat-na1-x"));
    await hubspot.webhooks.subscriptionsApi.getAll(emulator.app.appId);
    await hubspot.apiRequest({ path: "/any", authType: "developerApiKey" });
    expect(emulator.requests.map(({ query, headers }) => [query["hapikey"], headers["authorization"]])).toEqual([
      [emulator.app.developerApiKey, undefined],
      [emulator.app.developerApiKey, undefined],
    ]);
    const other = connectHubSpotClient(new Client({ basePath: emulator.origin }), privateAppToken("pat-na1-x"));
    await other.apiRequest({ path: "/before" });
    other.setDeveloperApiKey("later");
    emulator.clearRequests();
    await other.webhooks.subscriptionsApi.getAll(1).catch(() => undefined);
    expect(emulator.requests.map(({ query }) => query["hapikey"])).toEqual(["later"]);
  });

  it("every method of every API object is connected, and every object sends what one of a client with that token sends", async () => {
    const [plain, ours] = [await emulate(), await emulate()];
    const token = "pat-na1-sweep";
    const reference = new Client({ basePath: plain.origin, accessToken: token });
    const hubspot = connectHubSpotClient(new Client({ basePath: ours.origin }), privateAppToken(token));
    const [expected, got] = [apisOf(reference), apisOf(hubspot)];
    expect([...got.keys()]).toEqual([...expected.keys()]);
    expect(expected.size).toBeGreaterThan(140);
    let methods = 0;
    for (const [path, api] of expected) {
      const names = methodsOf(api);
      methods += names.length;
      expect(names.filter((name) => !Object.hasOwn(got.get(path) ?? {}, name))).toEqual([]);
      await callOne(api, names);
      await callOne(got.get(path), names);
    }
    expect(methods).toBeGreaterThan(1_200);
    const [sent, sentByOurs] = [plain, ours].map(({ requests }) =>
      requests.map(({ method, url, headers }) => [method, url, headers["authorization"]]),
    );
    expect(sentByOurs).toEqual(sent);
    expect(sent?.length).toBeGreaterThan(130);
  }, 60_000);
});

type Api = Record<string, (...args: string[]) => Promise<unknown>>;

/** Every API object below a client, by where it is. */
function apisOf(node: object, path = "", found = new Map<string, Api>()): Map<string, Api> {
  if (Object.hasOwn(node, "api")) return found.set(path, node as Api);
  const inherited = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(node)));
  const getters = inherited.flatMap(([name, property]) => (property.get === undefined ? [] : [name]));
  const own = Object.keys(node).filter((name) => name !== "config" && !name.startsWith("_"));
  for (const name of new Set([...own, ...getters])) apisOf(Reflect.get(node, name) as object, `${path}.${name}`, found);
  return found;
}

function methodsOf(api: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(api)).filter((name) => name !== "constructor");
}

/** One call. Arguments that do not fit, and an answer that is no success, are all one: what counts is what was sent. */
async function callOne(api: Api | undefined, names: readonly string[]): Promise<void> {
  const name = names.find((candidate) => !candidate.endsWith("WithHttpInfo")) ?? "";
  const { length } = (Object.getPrototypeOf(api) as Api)[name] ?? callOne;
  await api?.[name]?.(...Array.from({ length: length - 1 }, () => "x")).catch(() => undefined);
}
