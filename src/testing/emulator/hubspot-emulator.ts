/**
 * The emulator without a transport: state, operations, log and faults behind one `handle()`, and what a test does to it from outside.
 * Front doors (the loopback server and others) only carry requests in and answers out.
 */

import { concerned } from "./bearer.js";
import { clientOptionsOf, type EmulatorClientOptions } from "./client-options.js";
import { type ConnectableClient, connectAccount, type ConnectOptions } from "./connect-account.js";
import { assertRedirectUri, type EmulatorAccount, type EmulatorApp } from "./directory.js";
import type { InMemoryDispatcher } from "./dispatcher.js";
import { EmulatorMemory } from "./emulator-memory.js";
import type { EmulatorSnapshot } from "./emulator-snapshot.js";
import type { EmulatorOptions } from "./emulator-options.js";
import type { EmulatorSettings } from "./emulator-settings.js";
import { type EmulatorFaults, FaultRegistry, type FaultRule } from "./faults.js";
import { type AuthorizeDecision, decideHeadless } from "./headless-authorization.js";
import { type EmulatorDispatcherOptions, hubspotDispatcher } from "./hubspot-door.js";
import { HttpDate } from "./http-date.js";
import { type EmulatorRequest, type EmulatorResponse, parseRequest, type StartTimer } from "./messages.js";
import { RequestWaiters } from "./next-request.js";
import { Operations } from "./operations.js";
import { type LoggedRequest, matches, RequestLog, type RequestMatch, type RequestWatcher } from "./request-log.js";
import { overrideRule, type PendingOverride, type ResponseOverride } from "./response-override.js";
import { type SignableRequest, signatureHeaders, type SignatureVersion } from "./request-signing.js";
import type { AccessToken, EmulatorState, Grant } from "./state.js";
import { deliverWebhook, type WebhookAnswer, type WebhookDeliveryOptions, type WebhookEvent } from "./webhook-delivery.js";

const CORRELATION = "x-hubspot-correlation-id";

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
  readonly #memory: EmulatorMemory;
  readonly #state: EmulatorState;
  readonly #log = new RequestLog();
  readonly #faults = new FaultRegistry(() => this.#memory.random.integer());
  readonly #firstFaults: readonly FaultRule[];
  readonly #operations: Operations;
  readonly #waiters = new RequestWaiters(this.#log);
  readonly #date = new HttpDate();
  readonly #dispatchers = new Set<InMemoryDispatcher>();

  /** Throws a `TypeError` that names a wrong option. */
  constructor(options: EmulatorOptions = {}) {
    this.#memory = new EmulatorMemory(options);
    const { state, settings, apps } = this.#memory;
    this.settings = settings;
    this.#state = state;
    this.#operations = new Operations(state);
    this.faults = this.#faults;
    this.#firstFaults = options.faults ?? [];
    this.#addFirstFaults();
    this.startTimer = options.startTimer ?? startRealTimer;
    this.apps = apps;
    this.app = apps[0] as EmulatorApp; // createApps() refuses an empty list
  }

  /** All accounts, the deleted ones too. */
  get accounts(): readonly EmulatorAccount[] {
    return this.#memory.accounts;
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
    const app = this.#memory.apps.find((candidate) => candidate.clientId === clientId);
    if (app === undefined) throw new TypeError(`clientId: there is no app ${JSON.stringify(clientId)}`);
    if (!app.redirectUris.includes(uri)) app.redirectUris.push(uri);
  }

  /**
   * Does what a person would do with an authorize URL (only its path and query count) and answers the callback URL that HubSpot
   * would redirect to, with `code` or `error`. Rejects with an `Error` when the person would see an error page, or no callback would come.
   */
  async authorize(url: string | URL, decision: AuthorizeDecision = {}): Promise<string> {
    return decideHeadless(this.#state, url, decision);
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
    for (const account of this.#memory.accounts) if (account.hubId === Number(hubId)) account.deleted = true;
  }

  /**
   * Sends the app under test one webhook, as HubSpot does: a signed POST over a real connection. Answers what the app answered, whatever the
   * status; rejects with node's error when nothing came back, and with a `TypeError` for an unknown client.
   */
  async deliverWebhook(url: string | URL, events: readonly WebhookEvent[], options: WebhookDeliveryOptions = {}): Promise<WebhookAnswer> {
    const app = this.#findApp(options.clientId);
    const hubId = this.#memory.accounts.find((account) => !account.deleted)?.hubId ?? 0;
    return deliverWebhook(url, events, { app, hubId, nowMs: this.now() }, options);
  }

  /**
   * The signature headers HubSpot would put on a request, for tests that make their own. `version` is the older signature to send beside v3's;
   * `clientId` says whose secret signs, the first app's unless given. Throws a `TypeError` for an unknown client.
   */
  signRequest(request: SignableRequest & { readonly version?: SignatureVersion; readonly clientId?: string }): Record<string, string> {
    return signatureHeaders(request, request.version ?? "v3", this.#findApp(request.clientId).clientSecret, this.now());
  }

  /** All the emulator remembers, its time and switches too, as JSON: for `restore()`, for the option `snapshot`, or for a file. */
  snapshot(): EmulatorSnapshot {
    return this.#memory.snapshot();
  }

  /**
   * Back to a snapshot, of this emulator or another. The log and the counts of limits begin anew, and faults are gone. `app`, `apps` and
   * `accounts` stay the same objects, with the snapshot's content. Throws a `TypeError` for what is no snapshot.
   */
  restore(snapshot: EmulatorSnapshot): void {
    this.#memory.restore(snapshot);
    this.#forget();
  }

  /** Back to the moment after construction, as `restore()` does, with the faults of the options. */
  reset(): void {
    this.#memory.reset();
    this.#forget();
    this.#addFirstFaults();
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
    const route = match?.route.name ?? ("unknown" as const);
    const nowMs = this.now();
    const [logged, answered] = this.#log.add(parsed, { route, ...concerned(this.#state, parsed), atMs: nowMs });
    const operate = (): EmulatorResponse => this.#operations.perform(match, parsed);
    const answer = this.#faults.answer({ request: logged, settings: this.settings, nowMs, operate });
    const response = this.#complete(answer instanceof Promise ? await answer : answer);
    const silent = response.delivery?.kind === "hang" || response.delivery?.kind === "drop";
    answered(silent ? undefined : response.status);
    return response;
  }

  #forget(): void {
    this.faults.clear();
    this.#log.clear();
    this.#operations.forgetCalls();
  }

  #addFirstFaults(): void {
    for (const rule of this.#firstFaults) this.faults.add(rule);
  }

  #findApp(clientId: string = this.app.clientId): EmulatorApp {
    const app = this.#state.findApp(clientId);
    if (app === undefined) throw new TypeError(`clientId: there is no app ${JSON.stringify(clientId)}`);
    return app;
  }

  #complete(response: EmulatorResponse): EmulatorResponse {
    const { random } = this.#memory;
    const drawn = random.uuid();
    const made = response.headers[CORRELATION];
    // An error makes its id up where no seed reaches: the seed's takes its place, also in the body.
    const replaced = made !== undefined && random.seeded;
    const id = replaced ? drawn : (made ?? drawn);
    const body = replaced && typeof response.body === "string" ? response.body.replaceAll(made, id) : response.body;
    const date = response.headers["date"] ?? this.#date.at(this.now());
    return { ...response, headers: { ...response.headers, date, [CORRELATION]: id }, body };
  }
}

function startRealTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
