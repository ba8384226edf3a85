/** An emulator, a client on it and a connected account, all closed when the test ends. The transport is named: undici, over real sockets. */
import { Agent } from "undici";
import { onTestFinished } from "vitest";
import { HubSpotOAuthClient, type HubSpotOAuthClientOptions, type HubSpotOAuthEvent, MemoryTokenStore } from "../../src/index.js";
import { startHubSpotEmulator } from "../../src/testing/index.js";

export type Emulator = Awaited<ReturnType<typeof startHubSpotEmulator>>;

/** An emulator on a free port. */
export async function emulate(options?: Parameters<typeof startHubSpotEmulator>[0]): Promise<Emulator> {
  const emulator = await startHubSpotEmulator(options);
  onTestFinished(() => emulator.close());
  return emulator;
}

/** A client of the emulator's app, on the emulator's clock, without the limiter, with every event it sent. */
export function clientOf(
  emulator: Emulator,
  options: Partial<HubSpotOAuthClientOptions> = {},
): { readonly oauth: HubSpotOAuthClient; readonly events: HubSpotOAuthEvent[]; readonly store: MemoryTokenStore } {
  const events: HubSpotOAuthEvent[] = [];
  const store = new MemoryTokenStore();
  const dispatcher = new Agent({ allowH2: false });
  const oauth = new HubSpotOAuthClient({
    clientId: emulator.app.clientId,
    clientSecret: emulator.app.clientSecret,
    redirectUri: emulator.app.redirectUris[0] ?? "",
    scopes: emulator.app.requiredScopes,
    tokenStore: store,
    authorizeOrigin: emulator.origin,
    apiOrigin: emulator.origin,
    now: () => emulator.now(),
    rateLimit: false,
    onEvent: (event) => events.push(event),
    ...(options.fetch === undefined && { dispatcher }),
    ...options,
  });
  onTestFinished(async () => {
    await oauth.close();
    await dispatcher.close();
  });
  return { oauth, events, store };
}

/** Walks the flow as a browser would, and answers the account id. */
export async function connect(
  oauth: HubSpotOAuthClient,
  emulator: Emulator,
  choice?: Parameters<Emulator["authorize"]>[1],
): Promise<string> {
  const { url, cookie } = await oauth.createAuthorization();
  const callback = await emulator.authorize(url, choice);
  return (await oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] })).accountId;
}
