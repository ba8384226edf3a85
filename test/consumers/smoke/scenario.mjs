/**
 * The whole life of a connection with the installed package, against its own emulator. Run as `node --test-reporter=tap`, once for each format,
 * Node version and dispatcher. DISPATCHER names an installed undici whose Agent and MockAgent the application passes in.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

/** `load` is `import` or `require`. */
export async function smoke(load) {
  const { startHubSpotEmulator } = await load("hubspot-oauth/testing");
  const { HubSpotOAuthClient, HubSpotHttp, MemoryTokenStore, StateMismatchError, AccountNotConnectedError, privateAppToken } =
    await load("hubspot-oauth");
  const { EncryptedTokenStore } = await load("hubspot-oauth/stores/encrypted");
  const undiciName = process.env.DISPATCHER;

  test("every entry loads and exports something", async () => {
    const { exports } = createRequire(import.meta.url)("hubspot-oauth/package.json");
    const withNames = Object.keys(exports).filter((entry) => entry !== "./package.json" && entry !== "./testing/register");
    assert.ok(withNames.length >= 2);
    for (const entry of withNames) {
      const names = Object.keys(await load(entry.replace(".", "hubspot-oauth")));
      assert.notEqual(names.length, 0, entry);
    }
  });

  test("connect, call, refresh, disconnect", async (t) => {
    const emulator = await startHubSpotEmulator();
    t.after(() => emulator.close());
    const undici = undiciName ? await import(undiciName) : undefined;
    let dispatched = 0;
    const countRequests = (dispatch) => (options, handler) => {
      dispatched += 1;
      return dispatch(options, handler);
    };
    const agent = undici && new undici.Agent();
    t.after(() => agent?.close());
    const keys = [{ id: "one", key: new Uint8Array(32).fill(1) }];
    const tokenStore = new EncryptedTokenStore({ store: new MemoryTokenStore(), keys });
    const oauth = new HubSpotOAuthClient({
      clientId: emulator.app.clientId,
      clientSecret: emulator.app.clientSecret,
      redirectUri: emulator.app.redirectUris[0],
      scopes: ["crm.objects.contacts.read"],
      tokenStore,
      authorizeOrigin: emulator.origin,
      apiOrigin: emulator.origin,
      now: () => emulator.now(),
      ...(agent && { dispatcher: agent.compose(countRequests) }),
    });
    t.after(() => oauth.close());
    const requests = (route) => emulator.requests.filter((request) => request.route === route);

    let accountId;
    await t.test("a callback without the browser's cookie is refused and nothing is sent", async () => {
      const { url } = await oauth.createAuthorization();
      const callback = await emulator.authorize(url);
      await assert.rejects(oauth.completeAuthorization({ url: callback, cookie: undefined }), StateMismatchError);
      assert.equal(requests("token").length, 0);
    });
    await t.test("a callback with it connects the account", async () => {
      const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings" });
      const callback = await emulator.authorize(url);
      const done = await oauth.completeAuthorization({ url: callback, cookie: cookie.split(";")[0] });
      assert.equal(done.returnTo, "/settings");
      assert.equal(done.hubId, String(emulator.accounts[0].hubId));
      assert.deepEqual([...done.scopes].sort(), ["crm.objects.contacts.read", "oauth"]);
      assert.equal(requests("token").length, 1);
      accountId = done.accountId;
    });

    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    const readContacts = () => hubspot.get("/crm/v3/objects/contacts", { query: { limit: 10 } });
    await t.test("a call carries the token", async () => {
      const page = await readContacts();
      assert.equal(page.results.length, 10);
      assert.equal(requests("token").length, 1);
    });
    await t.test("half an hour later the next call refreshes first", async () => {
      emulator.advance(31 * 60_000);
      assert.equal((await readContacts()).results.length, 10);
      assert.equal(requests("token").length, 2);
    });
    await t.test("a token that HubSpot expired early is refreshed after its 401, and parallel calls share one refresh", async () => {
      emulator.expireTokens();
      const pages = await Promise.all([readContacts(), readContacts(), readContacts()]);
      assert.deepEqual(
        pages.map((page) => page.results.length),
        [10, 10, 10],
      );
      assert.equal(requests("token").length, 3);
    });
    await t.test("disconnecting removes the account here and at HubSpot", async () => {
      const result = await oauth.disconnect(accountId, { uninstall: true });
      assert.deepEqual({ ...result, errors: [...result.errors] }, { uninstalled: true, revoked: true, errors: [] });
      assert.equal(await tokenStore.get(accountId), undefined);
      await assert.rejects(readContacts(), AccountNotConnectedError);
    });
    await t.test("every request went through the dispatcher that was passed in", { skip: !undici }, () => {
      assert.equal(dispatched, emulator.requests.filter((request) => request.route !== "authorize" && request.route !== "consent").length);
    });
  });

  test("after testing/register requests go through the global fetch of the moment", async (t) => {
    const { fetch } = globalThis;
    await load("hubspot-oauth/testing/register");
    t.after(() => {
      globalThis.fetch = fetch;
      delete globalThis[Symbol.for("hubspot-oauth.fetch")];
    });
    globalThis.fetch = async (url, { headers }) => Response.json({ url: String(url), token: new Headers(headers).get("authorization") });
    const answer = await new HubSpotHttp({ credential: privateAppToken("pat-na1-smoke") }).get("/crm/v3/objects/contacts");
    assert.deepEqual(answer, { url: "https://api.hubapi.com/crm/v3/objects/contacts", token: "Bearer pat-na1-smoke" });
  });

  test(
    "the emulator's dispatcher answers undici, its interceptors and, as the global one, the global fetch",
    { skip: !undiciName },
    async (t) => {
      const { HubSpotEmulator } = await load("hubspot-oauth/testing");
      const { fetch, getGlobalDispatcher, interceptors, request, setGlobalDispatcher } = await import(undiciName);
      const emulator = new HubSpotEmulator();
      const before = getGlobalDispatcher();
      t.after(async () => {
        setGlobalDispatcher(before);
        await emulator.close();
      });
      const url = "https://api.hubapi.com/crm/v3/objects/contacts?limit=2";
      const headers = { authorization: `Bearer ${emulator.accounts[0].privateApps[0].token}` };
      const dispatcher = emulator.dispatcher();

      assert.equal((await (await request(url, { headers, dispatcher })).body.json()).results.length, 2);
      assert.equal((await (await fetch(url, { headers, dispatcher })).json()).results.length, 2);
      emulator.faults.add({ match: "objects-list", fault: { kind: "server-error", status: 503 } });
      const retrying = dispatcher.compose(interceptors.retry({ minTimeout: 1 }));
      assert.equal((await (await request(url, { headers, dispatcher: retrying })).body.json()).results.length, 2);
      emulator.faults.add({ match: "objects-list", fault: { kind: "reset", when: "mid-body" } });
      await assert.rejects(request(url, { headers, dispatcher }).then(({ body }) => body.json()));
      emulator.faults.add({ match: "objects-list", fault: { kind: "hang" } });
      const abort = new AbortController();
      const hanging = assert.rejects(request(url, { headers, dispatcher, signal: abort.signal }), { message: "enough" });
      await emulator.nextRequest();
      abort.abort(new Error("enough"));
      await hanging;

      setGlobalDispatcher(dispatcher);
      assert.equal((await (await globalThis.fetch(url, { headers })).json()).results.length, 2);
      assert.equal((await (await request(url, { headers })).body.json()).results.length, 2);
      assert.equal(emulator.count({ route: "objects-list" }), 8);
    },
  );

  test("MockAgents answer for HubSpot, passed in or global", { skip: !undiciName }, async (t) => {
    const { MockAgent, setGlobalDispatcher } = await import(undiciName);
    const mock = new MockAgent();
    t.after(() => mock.close());
    mock.disableNetConnect();
    const pool = mock.get("https://api.hubapi.com");
    const answer = (id) =>
      pool
        .intercept({ path: "/crm/v3/objects/contacts?limit=1", headers: { authorization: "Bearer pat-na1-smoke" } })
        .reply(200, { results: [{ id }] }, { headers: { "content-type": "application/json" } });
    const credential = privateAppToken("pat-na1-smoke");

    answer("passed in");
    const withOption = new HubSpotHttp({ credential, dispatcher: mock });
    assert.deepEqual(await withOption.get("/crm/v3/objects/contacts", { query: { limit: 1 } }), { results: [{ id: "passed in" }] });

    answer("global");
    setGlobalDispatcher(mock);
    assert.deepEqual(await new HubSpotHttp({ credential }).get("/crm/v3/objects/contacts", { query: { limit: 1 } }), {
      results: [{ id: "global" }],
    });
    mock.assertNoPendingInterceptors();
  });
}
