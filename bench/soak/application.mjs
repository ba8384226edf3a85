// The application of the soak, as one would write it for production: tokens, used states and the count of calls in Redis, for all processes.
import { request } from "node:http";
import { Redis } from "ioredis";
import { ConfigurationError, HubSpotOAuthClient, StateMismatchError, TokenStoreError } from "../../dist/index.js";
import { RedisRateLimitStore, RedisStateStore, RedisTokenStore } from "../../dist/stores/redis.js";

/** A client and what it stands on. */
export function openApplication({ clientOptions, redisPort, onEvent }) {
  const redis = new Redis({ host: "127.0.0.1", port: redisPort });
  const oauth = new HubSpotOAuthClient({
    ...clientOptions,
    apiVersion: "2026-09",
    tokenStore: new RedisTokenStore({ client: redis }),
    stateStore: new RedisStateStore({ client: redis }),
    rateLimit: { store: new RedisRateLimitStore({ client: redis }) },
    // As the tokens' lives, shorter than in production.
    cacheMs: 1_000,
    timeoutMs: 2_000,
    onEvent,
  });
  const close = async () => {
    await oauth.close();
    redis.disconnect();
  };
  return { oauth, redis, close };
}

/** Sends a user through the whole flow. Answers what the callback was, for whoever wants to use it twice. */
export async function connectAgain({ oauth }, accountId) {
  const { url, cookie } = await oauth.createAuthorization({ accountId });
  const callback = { url: await agree(url, accountId), cookie };
  await oauth.completeAuthorization(callback);
  return callback;
}

/** Whether a callback is refused for having been used, before HubSpot is asked. The store may fail, and the client be closed meanwhile. */
export async function isRefusedAsUsed({ oauth }, callback) {
  try {
    await oauth.completeAuthorization(callback);
    return false;
  } catch (error) {
    if (error instanceof TokenStoreError || error instanceof ConfigurationError) throw error;
    return error instanceof StateMismatchError && error.reason === "used";
  }
}

/** The user in the browser presses the button of the consent page. */
function agree(url, accountId) {
  const form = new URLSearchParams({ hub_id: accountId, decision: "grant" }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": form.length };
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: "POST", agent: false, headers }, (response) => {
      response.resume();
      const { location } = response.headers;
      if (location === undefined) reject(new BrowserError(`The consent page answered ${response.statusCode}`));
      else resolve(location);
    });
    sending.once("error", (cause) => reject(new BrowserError("The consent page was not reached", { cause })));
    sending.end(form);
  });
}

/** The user's browser failed, which is nothing of the library's. */
export class BrowserError extends Error {
  name = "BrowserError";
}
