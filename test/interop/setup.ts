/** A server and clients of it, all closed when the test ends, over real sockets. */
import { Agent } from "undici";
import { expect, onTestFinished } from "vitest";
import {
  HubSpotHttp,
  HubSpotOAuthClient,
  type HubSpotOAuthClientOptions,
  type HubSpotOAuthEvent,
  MemoryTokenStore,
  type TokenStore,
} from "../../src/index.js";
import { Browser, type Visit } from "./browser.js";
import { APP, InteropServer, type ProviderOptions, REDIRECT_URI } from "./provider.js";

export const LIFE_MS = 1_800_000;
export const ROTATIONS = ["none", "strict"] as const;

/** A server on a free port. A fault of its own fails the test, whatever the test was about. */
export async function serve(options?: ProviderOptions): Promise<InteropServer> {
  const server = await InteropServer.start(options);
  onTestFinished(async () => {
    await server.close();
    expect(server.faults).toEqual([]);
  });
  return server;
}

/** A client of the server's app, on the server's clock, as one process has it. */
export function clientOf<Store extends TokenStore = MemoryTokenStore>(
  server: InteropServer,
  options: Partial<HubSpotOAuthClientOptions> & { readonly tokenStore?: Store } = {},
): { readonly oauth: HubSpotOAuthClient; readonly events: HubSpotOAuthEvent[]; readonly store: Store } {
  const events: HubSpotOAuthEvent[] = [];
  const dispatcher = new Agent({ allowH2: false, connections: 32 });
  const store = options.tokenStore ?? (new MemoryTokenStore() as TokenStore as Store);
  const oauth = new HubSpotOAuthClient({
    ...APP,
    redirectUri: REDIRECT_URI,
    scopes: ["oauth", "crm.objects.contacts.read"],
    authorizeOrigin: server.origin,
    apiOrigin: server.origin,
    apiVersion: "2026-09",
    now: () => server.now(),
    onEvent: (event) => events.push(event),
    rateLimit: false,
    dispatcher,
    ...options,
    tokenStore: store,
  });
  onTestFinished(async () => {
    await oauth.close();
    await dispatcher.close();
  });
  return { oauth, events, store };
}

/** What a browser sends back of a `Set-Cookie` value. */
export function cookieOf(setCookie: string | undefined): string | undefined {
  return setCookie?.split(";")[0];
}

/** Goes to the server and comes back with a callback that the client has not seen yet. */
export async function authorize(
  oauth: HubSpotOAuthClient,
  visit?: Visit,
  browser: Browser = new Browser(),
): Promise<{ readonly url: string; readonly cookie: string | undefined; readonly code: string | null }> {
  const { url, cookie } = await oauth.createAuthorization({ context: { tenant: "t-42" }, returnTo: "/settings" });
  const callback = await browser.visit(url, visit);
  return { url: callback, cookie: cookieOf(cookie), code: new URL(callback).searchParams.get("code") };
}

/** Connects an account and answers its id. */
export async function connect(oauth: HubSpotOAuthClient, visit?: Visit): Promise<string> {
  return (await oauth.completeAuthorization(await callbackOf(oauth, visit))).accountId;
}

/** What `completeAuthorization` takes. */
export async function callbackOf(
  oauth: HubSpotOAuthClient,
  visit?: Visit,
): Promise<{ readonly url: string; readonly cookie: string | undefined }> {
  const { url, cookie } = await authorize(oauth, visit);
  return { url, cookie };
}

/** Reads contacts as an account, and answers whose they are. */
export async function contactsOf(oauth: HubSpotOAuthClient, accountId: string): Promise<string> {
  const page = await new HubSpotHttp({ credential: oauth.account(accountId) }).get("/crm/v3/objects/contacts");
  return (page as { readonly results: readonly [{ readonly properties: { readonly account: string } }] }).results[0].properties.account;
}

/** The ids of all accounts in a store. */
export async function idsIn(store: MemoryTokenStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of store.list()) ids.push(id);
  return ids;
}
