/**
 * The emulator without a transport: state, operations, log and faults behind one `handle()`, and what a test does to it from outside.
 * Front doors (the loopback server and others) only carry requests in and answers out.
 */

import { isProblem } from "./authorization-problem.js";
import { decide, readAuthorization } from "./authorization.js";
import { concerned } from "./bearer.js";
import { clientOptionsOf, type EmulatorClientOptions } from "./client-options.js";
import { type ConnectableClient, connectAccount, type ConnectOptions } from "./connect-account.js";
import { assertRedirectUri, createAccounts, createApps, type EmulatorAccount, type EmulatorApp } from "./directory.js";
import type { InMemoryDispatcher } from "./dispatcher.js";
import type { EmulatorOptions } from "./emulator-options.js";
import { type EmulatorSettings, resolveSettings } from "./emulator-settings.js";
import { type EmulatorFaults, FaultRegistry } from "./faults.js";
import { type EmulatorDispatcherOptions, hubspotDispatcher } from "./hubspot-door.js";
import { type EmulatorRequest, type EmulatorResponse, firstValues, parseRequest, type StartTimer } from "./messages.js";
import { RequestWaiters } from "./next-request.js";
import { Operations } from "./operations.js";
import { Randomness } from "./randomness.js";
import { type LoggedRequest, matches, RequestLog, type RequestMatch, type RequestWatcher } from "./request-log.js";
import { overrideRule, type PendingOverride, type ResponseOverride } from "./response-override.js";
import { type AccessToken, EmulatorState, type Grant } from "./state.js";

const CORRELATION = "x-hubspot-correlation-id";

/** What the person does on the consent page. */
export interface AuthorizeDecision {
  /** The account to choose. Default: the one in the URL, else the first. */
  readonly hubId?: number | string | undefined;
  /** Who is signed in. Default: the account's first user. */
  readonly userId?: number | string | undefined;
  /** @default "grant" */
  readonly decision?: "grant" | "deny" | undefined;
}

/** An in-memory HubSpot. It does not listen: requests reach it by `dispatcher()`, or by msw (`hubspotHandlers`). */
export class HubSpotEmulator implements AsyncDisposable {
  /** The first app. */
  readonly app: EmulatorApp;
  /** All apps. */
  readonly apps: readonly EmulatorApp[];
  /** The switches; assign to change them while running. */
  readonly settings: EmulatorSettings;
  /** Makes requests go wrong. */
  readonly faults: EmulatorFaults;
  /** What front doors wait by; the option of that name. */
  readonly startTimer: StartTimer;
  readonly #random: Randomness;
  readonly #state: EmulatorState;
  readonly #redirectUris: ReadonlyMap<string, string[]>;
  readonly #accounts: { -readonly [Key in keyof EmulatorAccount]: EmulatorAccount[Key] }[];
  readonly #log = new RequestLog();
  readonly #faults = new FaultRegistry(() => this.#random.integer());
  readonly #operations: Operations;
  readonly #waiters = new RequestWaiters(this.#log);
  readonly #dispatchers = new Set<InMemoryDispatcher>();

  /** Throws a `TypeError` that names a wrong option. */
  constructor(options: EmulatorOptions = {}) {
    if (options.app !== undefined && options.apps !== undefined) throw new TypeError("Give app or apps, not both");
    const now = options.now ?? Date.now;
    this.#random = new Randomness(options.seed);
    const apps = createApps(options.apps ?? [options.app ?? {}], this.#random);
    this.#accounts = createAccounts(options.accounts, this.#random, now());
    this.#redirectUris = new Map(apps.map((app) => [app.clientId, app.redirectUris]));
    this.settings = resolveSettings(options);
    this.#state = new EmulatorState(now, this.#random, this.settings, apps, this.#accounts);
    this.#operations = new Operations(this.#state);
    this.faults = this.#faults;
    for (const rule of options.faults ?? []) this.faults.add(rule);
    this.startTimer = options.startTimer ?? startRealTimer;
    this.apps = apps;
    this.app = apps[0] as EmulatorApp; // createApps() refuses an empty list
  }

  /** All accounts, the deleted ones too. */
  get accounts(): readonly EmulatorAccount[] {
    return this.#accounts;
  }

  /** Every request so far, oldest first, secrets included. */
  get requests(): readonly LoggedRequest[] {
    return this.#log.entries;
  }

  /** Every grant ever given, oldest first, with the refresh token HubSpot holds for it now. A live view. */
  get grants(): readonly Readonly<Grant>[] {
    return this.#state.grants();
  }

  /** Every access token ever issued, oldest first. */
  get accessTokens(): readonly Readonly<AccessToken>[] {
    return this.#state.accessTokens();
  }

  /** The emulator's time, milliseconds since 1970. */
  now(): number {
    return this.#state.now();
  }

  /** Moves the emulator's clock: `ms` may be negative. */
  advance(ms: number): void {
    this.#state.advance(ms);
  }

  /** How many requests so far were meant by `match`; without it, all. */
  count(match?: RequestMatch): number {
    return this.requests.filter((request) => matches(match, request)).length;
  }

  /** Calls `watcher` with each request twice, when it arrived and when it was answered. It must not throw. What it returns ends that. */
  watchRequests(watcher: RequestWatcher): () => void {
    return this.#log.watch(watcher);
  }

  /** The first request so far that `match` means. */
  find(match: RequestMatch): LoggedRequest | undefined {
    return this.requests.find((request) => matches(match, request));
  }

  /** The latest request that `match` means; without it, the latest of all. */
  last(match?: RequestMatch): LoggedRequest | undefined {
    return this.requests.findLast((request) => matches(match, request));
  }

  /** Resolves with the next request that `match` means, when it arrives (its answer comes later). Rejects when the emulator is closed. */
  nextRequest(match?: RequestMatch): Promise<LoggedRequest> {
    return this.#waiters.next(match);
  }

  /** Empties the log. */
  clearRequests(): void {
    this.#log.clear();
  }

  /**
   * Configures one more redirect URI, for an app that learned its port after the emulator started.
   * Throws a `TypeError` for one HubSpot would refuse, or for an unknown client.
   */
  addRedirectUri(uri: string, clientId: string = this.app.clientId): void {
    assertRedirectUri(uri);
    const uris = this.#redirectUris.get(clientId);
    if (uris === undefined) throw new TypeError(`clientId: there is no app ${JSON.stringify(clientId)}`);
    if (!uris.includes(uri)) uris.push(uri);
  }

  /**
   * Does what a person would do with an authorize URL (only its path and query count) and answers the callback URL that HubSpot
   * would redirect to, with `code` or `error`. Rejects with an `Error` when the person would see an error page, or no callback would come.
   */
  async authorize(url: string | URL, decision: AuthorizeDecision = {}): Promise<string> {
    const { pathname, searchParams } = new URL(url, "https://app.hubspot.com");
    const path = /^\/oauth\/(?:(?<portalId>\d+)\/)?authorize$/u.exec(pathname);
    if (path === null) throw new Error(`Not an authorize URL: ${pathname}`);
    const request = readAuthorization(this.#state, firstValues(searchParams), path.groups?.["portalId"]);
    if (isProblem(request)) throw new Error(`HubSpot shows an error page: ${request.title}. ${request.detail}`);
    const hubId = decision.hubId ?? request.preselected?.hubId ?? this.#accounts.find((candidate) => !candidate.deleted)?.hubId;
    const account = this.#state.findAccount(Number(hubId));
    if (account === undefined) throw new Error(`There is no account ${hubId}`);
    if ((request.preselected ?? account) !== account)
      throw new Error(`The URL preselects account ${request.preselected?.hubId}, not ${hubId}`);
    const user = account.users.find(({ userId }) => decision.userId === undefined || String(userId) === String(decision.userId));
    if (user === undefined) throw new Error(`Account ${hubId} has no user ${decision.userId}`);
    const outcome = decide(this.#state, request, {
      account,
      user,
      decision: decision.decision ?? "grant",
    });
    if (outcome === undefined) throw new Error("HubSpot sends no callback when the user cancels (denial: no-callback)");
    if (typeof outcome !== "string") throw new Error(`HubSpot shows an error page: ${outcome.title}. ${outcome.detail}`);
    return outcome;
  }

  /**
   * Connects an account to `client` without a browser: its own flow begins, the user agrees, the callback is completed.
   * Resolves with what its `completeAuthorization` does; rejects as that does, and as `authorize` does.
   */
  connect<Connected>(client: ConnectableClient<Connected>, options: ConnectOptions = {}): Promise<Connected> {
    return connectAccount(client, options, (url, decision) => this.authorize(url, decision));
  }

  /** What `new HubSpotOAuthClient()` needs to be a client of this emulator's first app, but for a store. */
  clientOptions(): EmulatorClientOptions {
    return clientOptionsOf(this, {
      authorizeOrigin: "https://app.hubspot.com",
      apiOrigin: "https://api.hubapi.com",
      dispatcher: this.dispatcher(),
    });
  }

  /**
   * A dispatcher for undici 7 and 8 (and for undici's `setGlobalDispatcher`) that answers for HubSpot's real origins without a socket.
   * It works until the emulator is closed.
   */
  dispatcher(options: EmulatorDispatcherOptions = {}): InMemoryDispatcher {
    const dispatcher = hubspotDispatcher(this, options);
    this.#dispatchers.add(dispatcher);
    return dispatcher;
  }

  /** Ends its dispatchers and those who wait for a request. Calling it again does nothing. */
  async close(): Promise<void> {
    this.#waiters.close();
    await Promise.all([...this.#dispatchers].map((dispatcher) => dispatcher.destroy()));
    this.#dispatchers.clear();
  }

  /** `await using emulator = new HubSpotEmulator()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Expires the access tokens of one account, or of all, now. */
  expireTokens(hubId?: number | string): void {
    this.#state.expireAccessTokens(hubId === undefined ? undefined : Number(hubId));
  }

  /** Kills an account's refresh tokens; its access tokens live on until they expire, as after a revoke. */
  revokeGrant(hubId: number | string, clientId?: string): void {
    this.#state.revokeGrants((grant) => grant.hubId === Number(hubId) && (clientId === undefined || grant.clientId === clientId));
  }

  /** Uninstalls one app, or all, from an account: refresh tokens die and access tokens stop. */
  uninstall(hubId: number | string, clientId?: string): void {
    this.#state.uninstall(Number(hubId), clientId);
  }

  /** Deletes an account: from now on a refresh answers BAD_HUB. */
  deleteAccount(hubId: number | string): void {
    for (const account of this.#accounts) if (account.hubId === Number(hubId)) account.deleted = true;
  }

  /** Replaces, holds back or drops the next answer to a request that `match` means: one `faults.add()` in short. */
  respondOnce(match: RequestMatch, override: ResponseOverride): PendingOverride {
    const { arrived, remove } = this.#faults.add(overrideRule(match, override));
    return { arrived, cancel: remove };
  }

  /** Answers one request. An emulator bug is a 500 that says so; rejects only for a URL nobody can read, or when a `match` function throws. */
  async handle(request: EmulatorRequest): Promise<EmulatorResponse> {
    const parsed = parseRequest(request);
    const match = this.#operations.find(parsed.method, parsed.url.pathname);
    const query = firstValues(parsed.url.searchParams);
    const route = match?.route.name ?? ("unknown" as const);
    const [logged, answered] = this.#log.add(parsed, { route, ...concerned(this.#state, parsed), atMs: this.now(), query });
    const response = this.#complete(
      await this.#faults.answer({
        request: logged,
        settings: this.settings,
        nowMs: this.now(),
        operate: () => this.#operations.perform(match, parsed, query),
      }),
    );
    const silent = response.delivery?.kind === "hang" || response.delivery?.kind === "drop";
    answered(silent ? undefined : response.status);
    return response;
  }

  #complete(response: EmulatorResponse): EmulatorResponse {
    const id = this.#random.uuid();
    const made = response.headers[CORRELATION];
    const headers = { date: new Date(this.now()).toUTCString(), ...response.headers };
    if (made !== undefined && !this.#random.seeded) return { ...response, headers };
    // An error makes its id up where no seed reaches: the seed's takes its place, also in the body.
    const body = made === undefined || typeof response.body !== "string" ? response.body : response.body.replaceAll(made, id);
    return { ...response, headers: { ...headers, [CORRELATION]: id }, body };
  }
}

function startRealTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
