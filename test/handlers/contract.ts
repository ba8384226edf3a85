/**
 * What holds for the handlers under every framework: the cases as data, and the small application that they are played on. An adapter only
 * says how its framework serves that application.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import type { ClientSource, HandlerFailure, HandlerOptions } from "../../src/handlers/handler-options.js";
import type { CompletedAuthorization, HubSpotOAuthClient, HubSpotOAuthClientOptions, HubSpotOAuthEvent } from "../../src/index.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, emulate, type Emulator } from "../support/setup.js";
import { Browser } from "./browser.js";
import { callbackCases } from "./callback-cases.js";
import { connectCases } from "./connect-cases.js";
import { disconnectCases } from "./disconnect-cases.js";
import { failureCases } from "./failure-cases.js";

/** The application: who is signed in is known by the cookie `sid`, and each response also sets a cookie of its own. */
export interface AppUnderTest {
  readonly source: ClientSource<Tenant>;
  /** The options, for a framework whose request's `Cookie` header is read by `cookieOf`. */
  readonly options: <FrameworkRequest>(
    cookieOf: (request: FrameworkRequest) => string | undefined,
  ) => HandlerOptions<FrameworkRequest, Tenant>;
  /** For whatever reaches the framework's error handler: nothing ever must. */
  readonly escaped: (error: unknown) => void;
}

/** The `Set-Cookie` value of the application itself. */
export const APP_COOKIE = "theme=dark; path=/";

export interface Tenant {
  readonly tenant: string;
}

/** How a framework serves the application, on a free port of localhost: connect, callback and disconnect under `/hubspot/`. */
export interface Adapter {
  readonly name: string;
  /** Answers the origin. Whatever it starts it closes when the test is finished. */
  readonly serve: (app: AppUnderTest) => Promise<string>;
}

/** What a case finds. */
export interface HandlerWorld {
  readonly emulator: Emulator;
  readonly oauth: HubSpotOAuthClient<Tenant>;
  readonly store: ScriptedStore;
  readonly events: readonly HubSpotOAuthEvent[];
  /** What `onConnected` was given, in order. */
  readonly connected: readonly CompletedAuthorization<Tenant>[];
  readonly failures: readonly HandlerFailure[];
  /** What `beforeDisconnect` was given and found, in order. */
  readonly leaving: readonly {
    readonly accountId: string;
    readonly by: string | undefined;
    readonly status: string | undefined;
    readonly revocations: number;
  }[];
  /** The sessions by the value of the cookie `sid`; a case may change them. */
  readonly sessions: Map<string, { accountIds: string[]; binding?: string }>;
  /** The browser of the person who is signed in as `sid=alice`. */
  readonly alice: Browser;
  readonly browser: (cookies?: Readonly<Record<string, string>>) => Browser;
  /** From the click to the callback's URL, with the person's choice at HubSpot. */
  readonly walk: (browser: Browser, path?: string, choice?: Parameters<Emulator["authorize"]>[1]) => Promise<string>;
  readonly tokenPosts: () => number;
}

/** One rule. */
export interface HandlerCase {
  readonly name: string;
  readonly options?: Partial<HandlerOptions<unknown, Tenant>>;
  readonly client?: Partial<HubSpotOAuthClientOptions<Tenant>>;
  readonly emulator?: Parameters<typeof emulate>[0];
  readonly run: (world: HandlerWorld) => Promise<void>;
}

const cases: readonly HandlerCase[] = [...connectCases, ...callbackCases, ...failureCases, ...disconnectCases];

/** Plays every case on an adapter. */
export function runHandlerContract(adapter: Adapter): void {
  describe(`handlers under ${adapter.name}`, () => {
    it.each(cases.map((rule) => [rule.name, rule] as const))("%s", async (_name, rule) => {
      const escaped: unknown[] = [];
      await rule.run(await enter(adapter, rule, (error) => escaped.push(error)));
      expect(escaped, "what reached the framework").toEqual([]);
    });
  });
}

async function enter(adapter: Adapter, rule: HandlerCase, escaped: (error: unknown) => void): Promise<HandlerWorld> {
  const emulator = await emulate(rule.emulator);
  const store = new ScriptedStore();
  const sessions: HandlerWorld["sessions"] = new Map([["alice", { accountIds: ["24681012"] }]]);
  const connected: CompletedAuthorization<Tenant>[] = [];
  const failures: HandlerFailure[] = [];
  const leaving: HandlerWorld["leaving"][number][] = [];
  let oauth: HubSpotOAuthClient<Tenant> | undefined;
  const options: AppUnderTest["options"] = (cookieOf) => ({
    connectPath: "/hubspot/connect",
    session: (request) => {
      const sid = sidOf(cookieOf(request)) ?? "";
      const session = sessions.get(sid);
      return session && { ...session, context: { tenant: `tenant of ${sid}` } };
    },
    onConnected: (result) => void connected.push(result),
    onError: (failure) => void failures.push(failure),
    beforeDisconnect: async (accountId, request) => {
      // About as long as a call to HubSpot. Whoever does not wait for it has disconnected by then.
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      const record = await store.get(accountId);
      leaving.push({ accountId, by: sidOf(cookieOf(request)), status: record?.status, revocations: emulator.count("revoke") });
    },
    ...rule.options,
  });
  const source = (): HubSpotOAuthClient<Tenant> => oauth ?? expect.unreachable("no request comes before the client is there");
  const origin = await adapter.serve({ source, options, escaped });
  const redirectUri = `${origin}/hubspot/callback`;
  emulator.addRedirectUri(redirectUri);
  const made = clientOf(emulator, { tokenStore: store, redirectUri, ...(rule.client as Partial<HubSpotOAuthClientOptions>) });
  oauth = made.oauth as unknown as HubSpotOAuthClient<Tenant>;
  const browser = (cookies: Readonly<Record<string, string>> = { sid: "alice" }): Browser => new Browser(origin, cookies);
  return {
    emulator,
    oauth,
    store,
    events: made.events,
    connected,
    failures,
    leaving,
    sessions,
    alice: browser(),
    browser,
    tokenPosts: () => emulator.count("token"),
    walk: async (person, path = "/hubspot/connect", choice) => {
      const { status, location = "" } = await person.visit(path, { headers: { "sec-fetch-site": "same-origin" } });
      expect(status).toBe(303);
      return emulator.authorize(location, choice);
    },
  };
}

function sidOf(cookies: string | undefined): string | undefined {
  return /(?:^|; )sid=(\w+)/.exec(cookies ?? "")?.[1];
}

/** Closes a server of `node:http` when the test is finished, and answers its origin once it listens. */
export async function originOf(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
  close(done: () => void): unknown;
  closeAllConnections?(): void;
}): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, "localhost", resolve));
  onTestFinished(async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    server.closeAllConnections?.();
    await closed;
  });
  return `http://localhost:${(server.address() as { port: number }).port}`;
}
