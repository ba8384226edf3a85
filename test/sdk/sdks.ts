/** Both majors of HubSpot's SDK that the bridge is for, and what a test of it starts with. */
import { Client as Client13 } from "@hubspot/api-client";
import { Client as Client14 } from "hubspot-api-client-14";
import type { HubSpotOAuthEvent } from "../../src/index.js";
import { connectHubSpotClient } from "../../src/sdk/hubspot-api-client.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";

/** As both majors have it; `apiRequest` differs in whose `Response` it answers. */
export type SdkClient = Pick<Client13, "config" | "crm" | "files" | "oauth" | "settings" | "webhooks" | "init"> & {
  setAccessToken(token: string): void;
  setDeveloperApiKey(key: string): void;
  apiRequest(options?: Parameters<Client14["apiRequest"]>[0]): Promise<Pick<Response, "status" | "json" | "text" | "url">>;
};

type SdkClass = new (config?: ConstructorParameters<typeof Client14>[0]) => SdkClient;

/** For `describe.each`: the package and the class. */
export const sdks: readonly (readonly [sdk: string, Client: SdkClass])[] = [
  ["@hubspot/api-client", Client13],
  ["hubspot-api-client-14", Client14 as new (config?: object) => unknown as SdkClass],
];

export const CONTACTS = "/crm/v3/objects/contacts";
export const CALLS = { path: /^\/crm\// };
const REFRESH = { route: "token", grantType: "refresh_token" } as const;

/** An account connected to the emulator, and the SDK on it. */
export interface SdkScene {
  readonly emulator: Emulator;
  readonly oauth: ReturnType<typeof clientOf>["oauth"];
  readonly events: HubSpotOAuthEvent[];
  readonly store: ScriptedStore;
  readonly id: string;
  readonly hubspot: SdkClient;
  /** The bearer tokens of the API calls so far. */
  readonly bearers: () => (string | undefined)[];
  /** How many API calls and how many refreshes there were. */
  readonly counts: () => { readonly calls: number; readonly refreshes: number };
}

/** The token is in the cache, and the counters are at zero. */
export async function sdkScene(Client: SdkClass, config: ConstructorParameters<SdkClass>[0] = {}): Promise<SdkScene> {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  await oauth.getAccessToken(id);
  emulator.clearRequests();
  store.calls.length = 0;
  events.length = 0;
  return {
    emulator,
    oauth,
    events,
    store,
    id,
    hubspot: connectHubSpotClient(new Client(config), oauth.account(id)),
    bearers: () =>
      emulator.requests
        .filter(({ path }) => !path.startsWith("/oauth/"))
        .map(({ headers }) => headers["authorization"]?.replace(/^Bearer /, "")),
    counts: () => ({
      calls: emulator.count(({ path }) => !path.startsWith("/oauth/")),
      refreshes: emulator.count(REFRESH),
    }),
  };
}

/** Another process on the same store gets a new token, which ours does not know of. */
export async function refreshElsewhere({ emulator, store, id }: SdkScene): Promise<string> {
  const { oauth } = clientOf(emulator, { tokenStore: store.inner });
  const token = await oauth.getAccessToken(id, { force: true });
  emulator.clearRequests();
  return token;
}

/** A refusal of the API, for `respondOnce`. */
export function refusal(category: string | undefined, status = 401): { readonly status: number; readonly body: object } {
  return { status, body: { status: "error", message: "No.", ...(category !== undefined && { category }) } };
}
