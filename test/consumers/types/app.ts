// What an application writes against the published types. Compiled as an ES module and as CommonJS, with every resolution and no skipLibCheck.
import {
  HubSpotHttp,
  HubSpotOAuthClient,
  HubSpotOAuthError,
  MemoryStateStore,
  MemoryTokenStore,
  ReauthorizationRequiredError,
  developerApiKey,
  privateAppToken,
  type Credential,
  type StoredTokens,
  type TokenStore,
} from "hubspot-oauth";
import { createPlugin } from "hubspot-oauth/handlers/fastify";
import { createHandlers, type HandlerOptions } from "hubspot-oauth/handlers/fetch";
import { createHandlers as createNodeHandlers } from "hubspot-oauth/handlers/node";
import { EncryptedTokenStore } from "hubspot-oauth/stores/encrypted";
import { FileTokenStore } from "hubspot-oauth/stores/file";
import { HubSpotEmulator, runStoreContract, startHubSpotEmulator } from "hubspot-oauth/testing";
import { hubspotHandlers, mswDispatcher } from "hubspot-oauth/testing/msw";
import "hubspot-oauth/testing/register";

interface Context {
  readonly tenant: string;
}

class OwnStore implements TokenStore {
  readonly #rows = new Map<string, StoredTokens>();
  async get(accountId: string): Promise<StoredTokens | undefined> {
    return this.#rows.get(accountId);
  }
  async set(accountId: string, record: StoredTokens): Promise<void> {
    this.#rows.set(accountId, record);
  }
  async delete(accountId: string): Promise<void> {
    this.#rows.delete(accountId);
  }
}

const stores: readonly TokenStore[] = [
  new OwnStore(),
  new MemoryTokenStore(),
  new EncryptedTokenStore({ store: new FileTokenStore({ directory: "tokens" }), keys: [{ id: "one", key: new Uint8Array(32) }] }),
];

export async function flow(tokenStore: TokenStore): Promise<string> {
  const emulator = await startHubSpotEmulator();
  const oauth = new HubSpotOAuthClient<Context>({
    clientId: emulator.app.clientId,
    clientSecret: emulator.app.clientSecret,
    redirectUri: "https://app.example.com/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore,
    stateStore: new MemoryStateStore(),
    apiOrigin: emulator.origin,
    now: () => emulator.now(),
  });
  const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings", context: { tenant: "t-42" } });
  const setCookie: string | undefined = cookie;
  const done = await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: setCookie });
  const tenant: string = done.context.tenant;
  // @ts-expect-error: one of cookie and binding is required
  await oauth.completeAuthorization({ url });
  // @ts-expect-error: the context has a type
  await oauth.createAuthorization({ context: { tenant: 42 } });

  const credentials: readonly Credential[] = [oauth.account(done.accountId), privateAppToken("pat-na1-x"), developerApiKey("key")];
  const hubspot = new HubSpotHttp({ credential: credentials[0]! });
  const page: unknown = await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 10 }, signal: AbortSignal.timeout(1000) });
  // @ts-expect-error: without a schema the body is unknown
  page.results;
  return tenant;
}

export async function emulated(tokenStore: TokenStore): Promise<readonly string[]> {
  const emulator = new HubSpotEmulator();
  const oauth = new HubSpotOAuthClient<Context>({ ...emulator.clientOptions(), tokenStore, apiVersion: "2026-09" });
  const other = new HubSpotOAuthClient({ ...emulator.clientOptions(), dispatcher: mswDispatcher(hubspotHandlers(emulator)), tokenStore });
  const { accountId, context } = await emulator.connect(oauth, { account: 42, scopes: ["tickets"] });
  const tenant: string = context.tenant;
  const next = await emulator.nextRequest({ route: "token", hubId: accountId });
  const status: number | undefined = emulator.last(next.route)?.status;
  await other.close();
  return [tenant, accountId, String(status)];
}

export function testOwnStore(describe: (name: string, body: () => void) => void, it: Parameters<typeof runStoreContract>[0]["it"]): void {
  runStoreContract({ describe, it }, { create: () => stores[0]!, lacks: { lease: "one process only" } });
}

export function nextStep(error: unknown): string {
  if (error instanceof ReauthorizationRequiredError) return `connect ${error.accountId} again`;
  if (error instanceof HubSpotOAuthError) return error.retryable ? "later" : error.code;
  return "not ours";
}

export function handlers(oauth: HubSpotOAuthClient<Context>): readonly unknown[] {
  const options: HandlerOptions<unknown, Context> = {
    connectPath: "/hubspot/connect",
    session: () => ({ context: { tenant: "t-42" } }),
    onConnected: ({ context }) => `/${context.tenant}`,
  };
  const { connectPath: _, ...pluginOptions } = options;
  return [createHandlers(oauth, options), createNodeHandlers(() => oauth, options), createPlugin(oauth, pluginOptions)];
}
