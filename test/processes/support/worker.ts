/**
 * A process of an application: one client over a shared store, that does what the test tells it. Bundled with short times by
 * `worker-bundle.ts` and started by `worker-process.ts`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { HubSpotHttp, HubSpotOAuthClient, StateMismatchError, type TokenStore } from "../../../src/index.js";
import { Failpoints } from "./failpoints.js";
import { openStore } from "./open-store.js";
import { type Failure, type Order, type Saying, systemMs, type WorkerSettings } from "./worker-protocol.js";

/** One client with its store and its sockets. */
interface Application {
  readonly oauth: HubSpotOAuthClient;
  readonly failpoints: Failpoints;
  clockMs: number;
  close(): Promise<void>;
}

let application: Application | undefined;
let calling = true;

function say(saying: Saying): void {
  // The test may be gone by now: then this process ends as well, and has nothing to complain of.
  if (process.connected) process.send?.(saying, undefined, undefined, () => undefined);
}

async function open({ app, origin, store: address, cacheMs, timeoutMs, leases, name, clockMs }: WorkerSettings): Promise<Application> {
  const failpoints = new Failpoints(say);
  const opening = await openStore(address);
  const store: TokenStore = failpoints.over(opening.store);
  const agent = new Agent({ allowH2: false, connections: 32 });
  const oauth = new HubSpotOAuthClient({
    ...app,
    redirectUri: "https://app.example.com/oauth/callback",
    scopes: ["oauth", "crm.objects.contacts.read"],
    apiOrigin: origin,
    apiVersion: "2026-09",
    tokenStore: leases ? store : withoutLeases(store),
    stateStore: opening.stateStore,
    cacheMs,
    timeoutMs,
    userAgent: name,
    now: () => Date.now() + opened.clockMs,
    dispatcher: failpoints.dispatcher(agent),
    onEvent: (event) =>
      say({ says: "event", type: event.type, accountId: "accountId" in event ? event.accountId : undefined, atMs: systemMs() }),
  });
  const opened: Application = {
    oauth,
    failpoints,
    clockMs,
    close: async () => {
      await oauth.close();
      await Promise.all([agent.close(), opening.close()]);
    },
  };
  return opened;
}

function withoutLeases(store: TokenStore): TokenStore {
  return {
    get: (accountId) => store.get(accountId),
    set: (accountId, record, options) => store.set(accountId, record, options),
    delete: (accountId, options) => store.delete(accountId, options),
  };
}

async function contactsOf({ oauth }: Application, accountId: string): Promise<string> {
  const page = await new HubSpotHttp({ credential: oauth.account(accountId) }).get("/crm/v3/objects/contacts");
  return (page as { readonly results: readonly [{ readonly properties: { readonly account: string } }] }).results[0].properties.account;
}

/** One of many callers of an account: calls again and again, and tells how it went. */
async function callAllTheTime(client: Application, accountId: string, everyMs: number): Promise<void> {
  while (calling && process.connected) {
    const failure = await contactsOf(client, accountId).then(() => undefined, failureOf);
    say({ says: "called", accountId, atMs: systemMs(), failure });
    await sleep(everyMs);
  }
}

/** What came of a callback: the account, or why it was refused. */
async function outcomeOf(oauth: HubSpotOAuthClient, url: string, cookie: string | undefined): Promise<string> {
  try {
    return (await oauth.completeAuthorization({ url, cookie })).accountId;
  } catch (error) {
    if (error instanceof StateMismatchError) return error.reason;
    throw error;
  }
}

async function obey(order: Order): Promise<unknown> {
  if (order.do === "open") {
    application = await open(order.settings);
    return undefined;
  }
  if (application === undefined) throw new Error(`Nothing is open to ${order.do} with.`);
  const { oauth, failpoints } = application;
  switch (order.do) {
    case "token":
      return oauth.getAccessToken(order.accountId, { rejectedToken: order.rejectedToken, force: order.force });
    case "crowd":
      return Promise.all(
        order.accountIds.map(async (accountId) => {
          const tokens = await Promise.all(Array.from({ length: order.callers }, () => oauth.getAccessToken(accountId)));
          return [...new Set(tokens)];
        }),
      );
    case "callbacks":
      return Promise.all(Array.from({ length: order.callers }, () => outcomeOf(oauth, order.url, order.cookie)));
    case "contacts":
      return contactsOf(application, order.accountId);
    case "disconnect":
      return oauth.disconnect(order.accountId, { revoke: false });
    case "clock":
      application.clockMs = order.clockMs;
      return undefined;
    case "arm":
      return failpoints.arm(order.accountId, order.at, order.standstill);
    case "lose writes after the next token response":
      return failpoints.loseWrites();
    case "find writes":
      return failpoints.findWrites();
    case "call all the time":
      for (const accountId of order.accountIds) {
        for (let caller = 0; caller < order.callers; caller++) void callAllTheTime(application, accountId, order.everyMs);
      }
      return undefined;
    case "close":
      calling = false;
      await application.close();
      application = undefined;
      return undefined;
  }
}

function failureOf(error: unknown): Failure {
  const { name, code, message } = error as Error & { readonly code?: string };
  return { name, code, message };
}

process.on("message", ({ number, order }: { readonly number: number; readonly order: Order }) => {
  obey(order).then(
    (value) => say({ says: "done", order: number, value }),
    (error: unknown) => say({ says: "failed", order: number, failure: failureOf(error) }),
  );
});
// Without the test there is nothing to do, and nobody to end this process.
process.once("disconnect", () => process.exit());
say({ says: "ready" });
