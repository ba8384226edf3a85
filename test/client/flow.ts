/** What the tests of the authorization side share: a flow up to the callback, a client that has no network, and the error of a call. */
import { type CreateAuthorizationOptions, HubSpotOAuthClient, type HubSpotOAuthClientOptions, MemoryTokenStore } from "../../src/index.js";
import type { Emulator } from "../support/setup.js";

/** A flow whose user is on the way back. `cookie` is what the browser sends: the pair, without attributes. */
export interface FlowAtCallback {
  readonly url: string;
  readonly state: string;
  readonly callback: string;
  readonly cookie: string | undefined;
}

/** Begins a flow and lets the user decide. */
export async function begin(
  oauth: HubSpotOAuthClient,
  emulator: Emulator,
  options?: CreateAuthorizationOptions,
  choice?: Parameters<Emulator["authorize"]>[1],
): Promise<FlowAtCallback> {
  const { url, state, cookie } = await oauth.createAuthorization(options);
  return { url, state, cookie: cookie?.split(";")[0], callback: await emulator.authorize(url, choice) };
}

/** A client that fails the test when it sends anything. */
export function offline(options: Partial<HubSpotOAuthClientOptions> = {}): HubSpotOAuthClient {
  return new HubSpotOAuthClient({
    clientId: "client-1",
    clientSecret: "secret-of-client-1",
    redirectUri: "https://app.example.com/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
    fetch: () => Promise.reject(new Error("nothing may be sent")),
    ...options,
  });
}

/** What a promise rejects with; throws when it does not, or not with an Error. */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await work.then(
    () => "a value",
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error(`expected a rejection with an Error, got ${String(outcome)}`);
}

/** The query of a URL. */
export function queryOf(url: string): URLSearchParams {
  return new URL(url, "https://relative.example").searchParams;
}
