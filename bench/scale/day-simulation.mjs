// A day of many accounts in one process, on a clock that jumps from second to second: the library's own client with its `now` and
// `dispatcher` options. Beside it, what two clients without jitter would do: one that refreshes at the first call of a token's last five
// minutes, for the same calls, and one that refreshes by a timer, five minutes before the end. Forked by day.mjs; answers over IPC.
import { Buffer } from "node:buffer";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { kindOf, nextCall } from "./call-profile.mjs";
import { accountId, newAccessToken } from "./records.mjs";

const LIFE_MS = 1_800_000;
/** The library never refreshes earlier than this after a token was got: calls before cannot change anything, and are left out. */
const QUIET_SECONDS = 1_500;
const START_HOUR = 8;
const START_MS = Date.UTC(2026, 11, 1, START_HOUR);
const CONTROLLER = { abort() {}, pause() {}, resume() {}, aborted: false, paused: false, reason: null };

const { accounts, seconds, importSeconds, dist } = JSON.parse(process.argv[2]);
const { HubSpotOAuthClient, MemoryTokenStore } = await import(pathToFileURL(`${dist}/index.js`).href);

process.once("disconnect", () => process.exit());

/** Of the simulated day. */
let second = 0;
const refreshes = { ours: new Uint32Array(seconds), onCall: new Uint32Array(seconds), byTimer: new Uint32Array(seconds) };
const refreshedAt = { ours: new Int32Array(accounts), onCall: new Int32Array(accounts) };

const oauth = new HubSpotOAuthClient({
  clientId: "day",
  clientSecret: "day-secret",
  redirectUri: "https://app.example.com/callback",
  scopes: ["crm.objects.contacts.read"],
  apiVersion: "2026-09",
  tokenStore: new MemoryTokenStore(),
  // There is one process: what the store says again after a minute changes nothing.
  cacheMs: 86_400_000,
  now: () => START_MS + second * 1_000,
  dispatcher: { dispatch },
});

const beganMs = performance.now();
await connectAll();
const calls = await live();
await oauth.close();
const counted = Object.fromEntries(Object.entries(refreshes).map(([name, perSecond]) => [name, [...perSecond]]));
const day = { node: process.version, startHour: START_HOUR, calls, elapsedMs: performance.now() - beganMs, refreshes: counted };
process.send(day, () => process.disconnect());

/** HubSpot's token endpoint: counts the second in which an account is refreshed. */
function dispatch({ path, body }, handler) {
  const number = Number(/refresh_token=na1-(\d+)/.exec(String(body))?.[1]);
  if (path !== "/oauth/2026-09/token" || !(number < accounts)) throw new Error(`Unexpected: ${path}`);
  refreshes.ours[second]++;
  refreshedAt.ours[number] = second;
  const answer = {
    token_type: "bearer",
    access_token: newAccessToken(),
    refresh_token: `na1-${number}`,
    expires_in: LIFE_MS / 1_000,
    hub_id: Number(accountId(number)),
    scopes: ["crm.objects.contacts.read"],
  };
  handler.onRequestStart(CONTROLLER, {});
  queueMicrotask(() => {
    handler.onResponseStart(CONTROLLER, 200, { "content-type": "application/json" }, "OK");
    handler.onResponseData(CONTROLLER, Buffer.from(JSON.stringify(answer)));
    handler.onResponseEnd(CONTROLLER, {});
  });
  return true;
}

/** All accounts connected within the first seconds, evenly. */
async function connectAll() {
  for (let number = 0; number < accounts; number++) {
    second = Math.floor((number / accounts) * importSeconds);
    refreshedAt.ours[number] = refreshedAt.onCall[number] = second;
    for (let at = second + QUIET_SECONDS; at < seconds; at += QUIET_SECONDS) refreshes.byTimer[at]++;
    await oauth.saveTokens({
      accessToken: newAccessToken(),
      refreshToken: `na1-${number}`,
      hubId: accountId(number),
      scopes: ["crm.objects.contacts.read"],
      expiresAtMs: START_MS + second * 1_000 + LIFE_MS,
    });
  }
}

/** Second by second, whoever calls. Each account has one call ahead of it, in the list of its second. */
async function live() {
  const credentials = Array.from({ length: accounts }, (_, number) => oauth.account(accountId(number)));
  const first = new Int32Array(seconds).fill(-1);
  const following = new Int32Array(accounts).fill(-1);
  const schedule = (number, after) => {
    const at = nextCall(kindOf(number), after, START_HOUR);
    if (at >= seconds) return;
    following[number] = first[at];
    first[at] = number;
  };
  const earliest = (number) => Math.min(refreshedAt.ours[number], refreshedAt.onCall[number]) + QUIET_SECONDS;
  for (let number = 0; number < accounts; number++) schedule(number, earliest(number) - 1);

  let made = 0;
  for (second = 0; second < seconds; second++) {
    const waiting = [];
    const called = [];
    for (let number = first[second]; number !== -1; number = following[number]) {
      called.push(number);
      const ready = credentials[number].authorize();
      if (ready instanceof Promise) waiting.push(ready);
      if (second - refreshedAt.onCall[number] >= QUIET_SECONDS) {
        refreshes.onCall[second]++;
        refreshedAt.onCall[number] = second;
      }
    }
    await Promise.all(waiting);
    made += called.length;
    for (const number of called) schedule(number, Math.max(second, earliest(number) - 1));
  }
  return made;
}
