/** A process of the application under fake time: one client on a token server and a store, with every event it sent. */
import {
  HubSpotOAuthClient,
  type HubSpotOAuthClientOptions,
  type HubSpotOAuthEvent,
  MemoryTokenStore,
  type TokenStore,
} from "../../src/index.js";
import { FaultyStore, type FaultyStoreOptions } from "./faulty-store.js";
import { type Rotation, type ServerGrant, TokenServer } from "./token-server.js";

/** What one process consists of. */
export interface OfflineProcess<Store extends TokenStore> {
  readonly name: string;
  readonly oauth: HubSpotOAuthClient;
  readonly store: Store;
  readonly events: HubSpotOAuthEvent[];
}

/** Starts one; `options` are the client's. */
export function offlineProcess<Store extends TokenStore>(
  name: string,
  server: TokenServer,
  store: Store,
  options: Partial<HubSpotOAuthClientOptions> = {},
): OfflineProcess<Store> {
  const events: HubSpotOAuthEvent[] = [];
  const oauth = new HubSpotOAuthClient({
    clientId: "client-id",
    clientSecret: "client-secret",
    redirectUri: "https://app.example/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: store,
    fetch: server.fetchFor(name),
    apiVersion: "2026-09",
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { name, oauth, store, events };
}

/** A new connection as `saveTokens` takes it, with half an hour to live. */
export function tokensOf({ hubId, accessToken, refreshToken }: ServerGrant): {
  readonly hubId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
} {
  return { hubId, accessToken, refreshToken, expiresAtMs: Date.now() + 1_800_000, scopes: ["oauth"] };
}

/** Two processes on one database, and the account that the first has just connected. */
export async function twoProcesses(
  rotation: Rotation,
  stores?: FaultyStoreOptions,
): Promise<{
  readonly server: TokenServer;
  readonly backend: MemoryTokenStore;
  readonly here: OfflineProcess<FaultyStore>;
  readonly there: OfflineProcess<FaultyStore>;
  readonly grant: ServerGrant;
  readonly id: string;
}> {
  const server = new TokenServer(rotation);
  const backend = new MemoryTokenStore();
  const here = offlineProcess("here", server, new FaultyStore(backend, stores));
  const there = offlineProcess("there", server, new FaultyStore(backend, stores));
  const grant = server.connect("42");
  await here.oauth.saveTokens(tokensOf(grant));
  return { server, backend, here, there, grant, id: "42" };
}
