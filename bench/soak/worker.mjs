// One process of the application: callers that call for accounts at random, and what came of it. Started by fleet.mjs with --expose-gc.
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import { AccountNotConnectedError, HubSpotHttp, isHubSpotOAuthError, ReauthorizationRequiredError } from "../../dist/index.js";
import { answerQuestions } from "../herds/questions.mjs";
import { BrowserError, connectAgain, isRefusedAsUsed, openApplication } from "./application.mjs";
import { CALLS, MixUpError, OddAnswerError } from "./calls.mjs";
import { leftovers, openSockets } from "./leftovers.mjs";
import { Random } from "./random.mjs";

const HOT_ACCOUNTS = 4;
const HOT_SHARE = 0.08;
const ABORTED_SHARE = 0.05;
const USED_TWICE_SHARE = 0.4;
/** Less than the four seconds after which an idle connection goes away by itself, closed or not. */
const CLOSING_MS = 2_000;
/** A dead process's lease, a pause after failures, and a call. */
const SERVED_WITHIN_MS = 90_000;

/** Everything so far, since the process began. */
const totals = { calls: 0, aborted: 0, outcomes: {}, events: {}, reconnections: 0, usedTwice: 0 };
const reconnecting = new Map();
let settings;
let application;
let random;
let calling = true;
let callers;
let sampling;
const delay = monitorEventLoopDelay({ resolution: 10 });

function say(message) {
  if (process.connected) process.send(message, undefined, undefined, () => undefined);
}

function violate(what, detail) {
  say({ violation: { what, detail } });
}

const report = { token: (accountId, token) => say({ token: { accountId, token } }) };

function begin(given) {
  settings = given;
  random = new Random(settings.seed, settings.name);
  application = openApplication({ ...settings, onEvent: listen });
  callers = Promise.all(Array.from({ length: settings.callers }, callAllTheTime));
  delay.enable();
  sampling = setInterval(() => say({ sample: sample() }), settings.sampleMs);
}

function listen(event) {
  count(totals.events, event.type);
  if (event.type === "grant.dead") say({ dead: { accountId: event.accountId, reason: event.reason } });
}

async function callAllTheTime() {
  while (calling && process.connected) {
    await callOnce();
    await sleep(random.below(2 * settings.pauseMs));
  }
}

async function callOnce() {
  const { accountIds } = settings;
  const accountId = random.chance(HOT_SHARE) ? accountIds[random.below(HOT_ACCOUNTS) % accountIds.length] : random.pick(accountIds);
  const run = random.weighted(CALLS);
  const controller = random.chance(ABORTED_SHARE) ? new AbortController() : undefined;
  const aborting = controller && setTimeout(() => controller.abort(new Error("No longer wanted")), random.below(40));
  totals.calls++;
  try {
    await attempt(run, accountId, controller?.signal);
    count(totals.outcomes, "as asked");
  } catch (error) {
    judge(error, { accountId, run, signal: controller?.signal });
    if (error instanceof ReauthorizationRequiredError && calling) await reconnect(accountId);
  } finally {
    clearTimeout(aborting);
  }
  if (random.chance(settings.reconnectShare)) await reconnect(accountId);
}

async function attempt(run, accountId, signal) {
  const { oauth } = application;
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), timeoutMs: settings.timeoutMs });
  await run({ oauth, hubspot, accountId, random, options: { headers: { "x-soak-account": accountId }, signal }, report });
}

/** Counts a failure by its class, and says so when it must not be. */
function judge(error, { accountId, run, signal }) {
  if (signal?.aborted === true && error === signal.reason) return void totals.aborted++;
  if (error instanceof MixUpError) return violate("mix-up", `${run.name}: ${error.message}`);
  const isTyped = isHubSpotOAuthError(error);
  if (!isTyped && !(error instanceof OddAnswerError) && !(error instanceof BrowserError)) {
    return violate("untyped error", `${run.name}: ${String(error?.stack ?? error).slice(0, 600)}`);
  }
  count(totals.outcomes, error.status === undefined ? error.name : `${error.name} ${error.status}`);
  if (error instanceof AccountNotConnectedError) violate("account lost", `${run.name}: ${accountId} was said not to be connected`);
  if (error instanceof ReauthorizationRequiredError) say({ toldToReconnect: accountId });
}

/** Once at a time per account. Not tried again: the next caller comes soon enough. */
function reconnect(accountId) {
  let running = reconnecting.get(accountId);
  if (running === undefined) {
    running = connectAndTryTwice(accountId)
      .catch((error) => judge(error, { accountId, run: reconnect }))
      .finally(() => reconnecting.delete(accountId));
    reconnecting.set(accountId, running);
  }
  return running;
}

async function connectAndTryTwice(accountId) {
  const callback = await connectAgain(application, accountId);
  totals.reconnections++;
  if (!random.chance(USED_TWICE_SHARE)) return;
  totals.usedTwice++;
  if (!(await isRefusedAsUsed(application, callback))) violate("used twice", `a callback of ${accountId} was taken twice`);
}

/** After a full garbage collection, whose pause is not the application's. */
function sample() {
  const delayMs = delay.count === 0 ? 0 : Math.max(0, delay.percentile(99) / 1e6 - 10);
  delay.disable();
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  const seen = { atMs: Date.now(), rss, heapUsed, objects: objectBytes(), sockets: openSockets(), delayMs, totals };
  delay.reset();
  delay.enable();
  return seen;
}

/** The heap without compiled code, which there is more and more of for many minutes. */
function objectBytes() {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) =>
    /^(?:new|old|large_object|new_large_object)(?:_space)?$/.test(name),
  );
  return spaces.reduce((bytes, { space_used_size: used }) => bytes + used, 0);
}

/** No faults any more: every account must be served. */
async function serveEverybody() {
  calling = false;
  await callers;
  const waiting = [...settings.accountIds];
  const serve = async () => {
    for (let accountId = waiting.pop(); accountId !== undefined; accountId = waiting.pop()) await serveInTheEnd(accountId);
  };
  await Promise.all(Array.from({ length: settings.callers }, serve));
}

async function serveInTheEnd(accountId) {
  const [[, page]] = CALLS;
  const deadlineMs = performance.now() + SERVED_WITHIN_MS;
  for (;;) {
    try {
      return await attempt(page, accountId);
    } catch (error) {
      judge(error, { accountId, run: serveInTheEnd });
      if (performance.now() > deadlineMs) return violate("not served", `${accountId} in the end: ${error.name}: ${error.message}`);
      if (error instanceof ReauthorizationRequiredError) await reconnect(accountId);
      await sleep(200);
    }
  }
}

/** Calm: when every call has ended. Else in the middle of everything. */
async function close({ calm }) {
  calling = false;
  if (calm) await callers;
  clearInterval(sampling);
  await application.close();
  await Promise.all([callers, ...reconnecting.values()]);
  delay.disable();
  const left = await leftovers(CLOSING_MS);
  if (left.length > 0) violate("leak", `after ${calm ? "a calm" : "an abrupt"} close: ${left.slice(0, 5).join(", ")}`);
  return { sample: { ...sample(), left: left.length } };
}

answerQuestions(process, { begin, serveEverybody, close });
for (const event of ["unhandledRejection", "uncaughtException"]) {
  process.on(event, (error) => violate("untyped error", `${event}: ${String(error?.stack ?? error).slice(0, 600)}`));
}
// Without the parent there is nothing to do.
process.once("disconnect", () => process.exit());
say({ ready: true });

function count(counts, name) {
  counts[name] = (counts[name] ?? 0) + 1;
}
