// What a token costs: while it is good, in nanoseconds per call, and when everybody asks at once for one that has just ended.
import { hubSpotHttp, newAgent } from "./contenders.mjs";

const CALLS_PER_BATCH = 10_000;
const HERD = 10_000;
/** HubSpot's tokens live for 30 minutes, or six hours on old grants: this is beyond both. */
const LONG_AFTER_MS = 7 * 3_600_000;

/** Nanoseconds per call, of each batch. `getAccessToken` is awaited each time; `authorize` answers without a promise while the token is good. */
export async function tokenCosts(build, { origin, batchesForMs }) {
  const { getAccessToken, authorize, close } = await hubSpotHttp(build, origin);
  const getAccessTokenNs = await perCall(batchesForMs, async (times) => {
    for (let i = 0; i < times; i++) await getAccessToken();
  });
  const authorizeNs = await perCall(batchesForMs, (times) => {
    for (let i = 0; i < times; i++) if (authorize() instanceof Promise) throw new Error("The token is not in the cache.");
  });
  await close();
  return { getAccessTokenNs, authorizeNs };
}

async function perCall(forMs, run) {
  const batches = [];
  const endMs = performance.now() + forMs;
  while (batches.length < 10 || performance.now() < endMs) {
    const startMs = performance.now();
    await run(CALLS_PER_BATCH);
    batches.push(((performance.now() - startMs) * 1e6) / CALLS_PER_BATCH);
  }
  // The first half warmed up.
  return batches.slice(Math.floor(batches.length / 2));
}

/** How many requests HubSpot sees, per herd, and how long it takes until the last caller has the token. */
export async function herds({ HubSpotOAuthClient, MemoryTokenStore, startHubSpotEmulator }, times) {
  const emulator = await startHubSpotEmulator();
  const { app, origin } = emulator;
  const dispatcher = newAgent();
  const oauth = new HubSpotOAuthClient({
    clientId: app.clientId,
    clientSecret: app.clientSecret,
    redirectUri: app.redirectUris[0],
    scopes: app.requiredScopes,
    tokenStore: new MemoryTokenStore(),
    authorizeOrigin: origin,
    apiOrigin: origin,
    dispatcher,
    now: () => emulator.now(),
  });
  try {
    const { url, cookie } = await oauth.createAuthorization();
    const { accountId } = await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie.split(";")[0] });
    const [posts, elapsedMs] = [[], []];
    for (let herd = 0; herd < times; herd++) {
      emulator.advance(LONG_AFTER_MS);
      const before = emulator.count({ route: "token", grantType: "refresh_token" });
      const startMs = performance.now();
      const tokens = await Promise.all(Array.from({ length: HERD }, () => oauth.getAccessToken(accountId)));
      elapsedMs.push(performance.now() - startMs);
      if (new Set(tokens).size !== 1) throw new Error("The herd did not get one token.");
      posts.push(emulator.count({ route: "token", grantType: "refresh_token" }) - before);
    }
    return { callers: HERD, posts, elapsedMs };
  } finally {
    await oauth.close();
    await dispatcher.close();
    await emulator.close();
  }
}
