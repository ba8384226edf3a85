// Who is measured. Each has an Agent of its own with the same options, and puts the same headers and path on the wire. `call` takes the
// page size, so that each builds its path per call, as applications do.
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { Agent, request } from "undici";

const PATH = "/crm/v3/objects/contacts";
// About as long as HubSpot's.
const ACCESS_TOKEN = "bench".padEnd(300, "-access-token");
const HEADERS = { accept: "application/json", "user-agent": "hubspot-oauth/bench", authorization: `Bearer ${ACCESS_TOKEN}` };

/** A build of the package, imported. */
export async function load(dist) {
  const { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } = await import(pathToFileURL(resolve(dist, "index.js")).href);
  const { startHubSpotEmulator } = await import(pathToFileURL(resolve(dist, "testing/index.js")).href);
  return { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore, startHubSpotEmulator };
}

/** What an application writes by hand. Its twin is the same once more: what differs between the two is noise. */
export function rawRequest(origin) {
  const dispatcher = newAgent();
  return {
    call: async (limit) => (await request(`${origin}${PATH}?limit=${limit}`, { dispatcher, headers: HEADERS })).body.json(),
    close: () => dispatcher.close(),
  };
}

/** The limit: the least that can be done with undici to send a GET and parse its answer. No deadline, no size cap, no error of its own. */
export function bareDispatch(origin) {
  const dispatcher = newAgent();
  return {
    call: (limit) =>
      new Promise((fulfil, reject) => {
        dispatcher.dispatch(
          { origin, path: `${PATH}?limit=${limit}`, method: "GET", headers: HEADERS, headersTimeout: 0, bodyTimeout: 0 },
          new BareHandler(fulfil, reject),
        );
      }),
    close: () => dispatcher.close(),
  };
}

class BareHandler {
  #fulfil;
  #reject;
  #chunks = [];

  constructor(fulfil, reject) {
    this.#fulfil = fulfil;
    this.#reject = reject;
  }

  onRequestStart() {
    // undici 7 takes a handler without it for one of undici 6.
  }
  onResponseStart() {
    // Status and headers are of no interest here.
  }
  onResponseData(_controller, chunk) {
    this.#chunks.push(chunk);
  }
  onResponseEnd() {
    const [first] = this.#chunks;
    this.#fulfil(JSON.parse((this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString()));
  }
  onResponseError(_controller, error) {
    this.#reject(error);
  }
}

/** The whole of the package: a connected account whose token is good, and the call of the README. */
export async function hubSpotHttp({ HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore }, origin) {
  const dispatcher = newAgent();
  const oauth = new HubSpotOAuthClient({
    clientId: "bench",
    clientSecret: "bench-secret",
    redirectUri: "http://localhost:3000/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
    apiOrigin: origin,
    dispatcher,
    // Counts each call, and never holds one back.
    rateLimit: { limit: 1_000_000, intervalMs: 100 },
  });
  const { accountId } = await oauth.saveTokens({
    accessToken: ACCESS_TOKEN,
    refreshToken: "bench-refresh-token",
    expiresAtMs: Date.now() + 24 * 3_600_000,
    hubId: "62515",
    scopes: ["crm.objects.contacts.read"],
  });
  const credential = oauth.account(accountId);
  const http = new HubSpotHttp({ credential, dispatcher, apiOrigin: origin, userAgent: HEADERS["user-agent"] });
  return {
    call: (limit) => http.get(PATH, { query: { limit } }),
    getAccessToken: () => oauth.getAccessToken(accountId),
    authorize: () => credential.authorize(),
    close: async () => {
      await oauth.close();
      await dispatcher.close();
    },
  };
}

/** The same options for everybody. */
export function newAgent() {
  return new Agent({ allowH2: false });
}
