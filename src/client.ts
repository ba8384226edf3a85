/**
 * `HubSpotOAuthClient`: the OAuth 2.0 authorization-code client. Wiring: what each step is, stands in the files it calls; the order of the
 * steps stands here.
 */
import { CoordinatedAccount } from "./account-credential.js";
import { type AccountInfo, readAccountInfo } from "./account-info.js";
import { AccountRecords } from "./account-records.js";
import { type AccountSummary, summarize } from "./account-summary.js";
import { AppCredential } from "./app-credential.js";
import { AuthorizationFlows, type BrowserProof, type CreateAuthorizationOptions, type StartedAuthorization } from "./authorization-flow.js";
import { createTransport, type Transport } from "./choose-transport.js";
import { type HubSpotOAuthClientOptions, optionsFromEnv, type ResolvedOptions, resolveOptions } from "./client-options.js";
import type { AccountCredential, Credential, HttpRuntime } from "./credentials.js";
import { checkDisconnectOptions, disconnect, type Disconnection, type DisconnectOptions } from "./disconnect.js";
import { AccountNotConnectedError, MissingScopesError, StateMismatchError } from "./errors.js";
import { createEmit, type Emit } from "./events.js";
import { type GrantDetails, type ImportedTokens, newRecord, readGrant } from "./grant.js";
import { HubSpotHttp } from "./http/hubspot-http.js";
import { RateLimiter } from "./http/rate-limit.js";
import { buildAuthorizeUrl, checkHubId, checkRedirectUri, checkScopes } from "./oauth/authorize.js";
import { OAuthEndpoints } from "./oauth/endpoints.js";
import type { Flow } from "./oauth/state.js";
import { deadReason, TokenEndpoint } from "./oauth/token-endpoint.js";
import type { Introspection } from "./oauth/token-response.js";
import { checkAccountId, checkToken, ownOptions } from "./option-checks.js";
import type { TokenOptions } from "./account-tokens.js";
import { type Granted, TokenCoordinator } from "./refresh.js";
import type { StoredTokens, TokenSet } from "./token-set.js";

/** What `saveTokens` answers. */
export interface Connection {
  /** The key of the grant: what every other method takes. */
  readonly accountId: string;
  readonly hubId: string;
  readonly userId: string | undefined;
  /** What was granted, which may be less than was asked for; empty when HubSpot did not say. */
  readonly scopes: readonly string[];
  /** Whether the account was connected before; the new grant has replaced the old one. */
  readonly reconnected: boolean;
}

/** What `completeAuthorization` answers. */
export interface CompletedAuthorization<Context = unknown> extends Connection {
  /** Already stored; redacts itself when printed. */
  readonly tokens: TokenSet;
  /** The `context` given to `createAuthorization`. */
  readonly context: Context;
  /** The `returnTo` given to `createAuthorization`: a path on your own origin. */
  readonly returnTo: string | undefined;
  /** A `Set-Cookie` value that removes the flow's cookie; append it. `undefined` when the flow had none. */
  readonly clearCookie: string | undefined;
}

/** Options of a call that goes to HubSpot. */
export interface Abortable {
  /** Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** OAuth 2.0 for one HubSpot app: connects accounts, keeps their tokens, and hands out fresh ones. Make one per app and process. */
export class HubSpotOAuthClient<Context = unknown> {
  readonly #options: ResolvedOptions<Context>;
  readonly #emit: Emit;
  readonly #transport: Transport;
  readonly #runtime: HttpRuntime;
  readonly #endpoints: OAuthEndpoints;
  readonly #tokenEndpoint: TokenEndpoint;
  readonly #records: AccountRecords;
  readonly #flows: AuthorizationFlows;
  readonly #tokens: TokenCoordinator;
  readonly #apps = new Map<string, AppCredential>();

  /** Does no I/O and starts no timer. @throws TypeError that names the wrong option. */
  constructor(options: HubSpotOAuthClientOptions<Context>) {
    const resolved = resolveOptions(options);
    const { clientId, apiOrigin, apiVersion, now, cacheMs, timeoutMs } = resolved;
    const emit = createEmit(resolved.onEvent);
    const transport = createTransport(resolved);
    const endpoints = new OAuthEndpoints(apiVersion, now, emit);
    const tokenEndpoint = new TokenEndpoint({ ...resolved, origin: apiOrigin, endpoints, send: transport.send, emit });
    const records = new AccountRecords(resolved.tokenStore, clientId, emit);
    this.#options = resolved;
    this.#emit = emit;
    this.#transport = transport;
    const limiter = resolved.rateLimit === false ? undefined : new RateLimiter(resolved.rateLimit, { emit });
    this.#runtime = { apiOrigin, send: transport.send, open: transport.open, limiter, onEvent: resolved.onEvent };
    this.#endpoints = endpoints;
    this.#tokenEndpoint = tokenEndpoint;
    this.#records = records;
    this.#flows = new AuthorizationFlows(resolved, emit);
    const requestRefresh = (refreshToken: string) => tokenEndpoint.requestRefresh(refreshToken);
    this.#tokens = new TokenCoordinator({ records, emit, now, cacheMs, timeoutMs, requestRefresh, deadReason });
  }

  /**
   * A client configured by `HUBSPOT_CLIENT_ID`, `HUBSPOT_CLIENT_SECRET`, `HUBSPOT_REDIRECT_URI`, `HUBSPOT_SCOPES` and
   * `HUBSPOT_OPTIONAL_SCOPES` (scopes separated by spaces), and, for an emulator or a region's host, `HUBSPOT_AUTHORIZE_ORIGIN` and
   * `HUBSPOT_API_ORIGIN`; options given here win.
   * @throws TypeError that names the variable that is missing.
   */
  static fromEnv<Context = unknown>(
    options: Partial<HubSpotOAuthClientOptions<Context>> & Pick<HubSpotOAuthClientOptions<Context>, "tokenStore">,
  ): HubSpotOAuthClient<Context> {
    return new HubSpotOAuthClient(optionsFromEnv(options, process.env));
  }

  /**
   * Begins a flow: send the user to `url`, and append `cookie` to the response as a `Set-Cookie` header.
   * @throws TypeError · `AccountNotConnectedError` and `TokenStoreError` for a reconnect.
   */
  async createAuthorization(given: CreateAuthorizationOptions<Context> = {}): Promise<StartedAuthorization> {
    const known = ["returnTo", "context", "accountId", "hubId", "scopes", "optionalScopes", "binding"];
    const options = ownOptions(given, known, "createAuthorization");
    const { accountId, context, returnTo, binding } = options;
    const standing = accountId === undefined ? undefined : await this.#records.read(checkAccountId(accountId));
    if (accountId !== undefined && standing === undefined) throw new AccountNotConnectedError(accountId);
    const hubId = options.hubId === undefined ? standing?.hubId : checkHubId(options.hubId);
    if (standing !== undefined && hubId !== standing.hubId)
      throw new TypeError("hubId is not the HubSpot account that accountId is connected to. Leave one of them out.");
    const asked = this.#scopes(options, standing);
    const extra = asked.scopes.filter((scope) => !this.#options.scopes.includes(scope));
    const extraScopes = extra.length === 0 ? undefined : extra;
    return this.#flows.begin({ ...asked, extraScopes, hubId, accountId, context, returnTo, binding });
  }

  /**
   * Ends a flow: checks the state and the browser, exchanges the code, learns the account, stores the tokens, in that order.
   * `url` is the callback's URL, absolute or relative: only its query is read. `cookie` is the request's `Cookie` header, `undefined` if it has
   * none; in its place `binding`, as given at the start.
   * @throws `StateMismatchError`, `AuthorizationDeniedError` (nothing was exchanged) · `TokenRequestError`, `ConfigurationError`,
   * `NetworkError`, `TimeoutError`, `MalformedResponseError`, `TokenStoreError` (start the flow again: a code is sent once). Errors of a
   * flow that was recognised carry `context`, `returnTo` and `clearCookie`, not enumerable.
   */
  async completeAuthorization(given: { readonly url: string | URL } & Abortable & BrowserProof): Promise<CompletedAuthorization<Context>> {
    this.#tokens.assertOpen();
    const options = ownOptions(given, ["url", "cookie", "binding", "signal"], "completeAuthorization");
    if (typeof options.url !== "string" && !(options.url instanceof URL)) throw new TypeError("url must be the callback's URL.");
    const { flow, code } = await this.#flows.admit(options.url, options);
    return this.#flows.describing(flow, async () => {
      const tokens = await this.#tokenEndpoint.exchangeCode(code, flow.redirectUri, flow.codeVerifier, options.signal);
      const context = flow.context as Context;
      const connection = await this.#connect(tokens, context, options.signal, flow);
      this.#emit("authorization.completed", {
        accountId: connection.accountId,
        hubId: connection.hubId,
        reconnected: connection.reconnected,
      });
      return { ...connection, tokens, context, returnTo: flow.returnTo, clearCookie: this.#flows.clearCookie(flow) };
    });
  }

  /**
   * The authorize URL alone (RFC 6749 section 4.1.1), for flows whose state you make and check yourself. Pure.
   * @throws TypeError that names what cannot be used.
   */
  authorizationUrl(given: {
    readonly state: string;
    readonly scopes?: readonly string[] | undefined;
    readonly optionalScopes?: readonly string[] | undefined;
    readonly hubId?: string | undefined;
    readonly redirectUri?: string | undefined;
    readonly codeChallenge?: string | undefined;
  }): string {
    const known = ["state", "scopes", "optionalScopes", "hubId", "redirectUri", "codeChallenge"];
    const options = ownOptions(given, known, "authorizationUrl");
    const { state, hubId, codeChallenge } = options;
    if (typeof state !== "string" || state === "" || /\p{Surrogate}/u.test(state))
      throw new TypeError("state must be a non-empty, well-formed string that you can recognise at the callback.");
    if (codeChallenge !== undefined && !/^[\w-]{43}$/.test(codeChallenge))
      throw new TypeError("codeChallenge must be a S256 challenge: 43 base64url characters.");
    const { clientId, authorizeOrigin: origin } = this.#options;
    const redirectUri = options.redirectUri === undefined ? this.#options.redirectUri : checkRedirectUri(options.redirectUri, origin);
    return buildAuthorizeUrl({ origin, clientId, redirectUri, ...this.#scopes(options), state, hubId, codeChallenge });
  }

  /**
   * Exchanges a code for tokens (RFC 6749 section 4.1.3): one HTTP call, nothing stored; a code is sent at most once.
   * @throws `TokenRequestError`, `ConfigurationError`, `RateLimitError`, `NetworkError`, `TimeoutError`, `MalformedResponseError`.
   */
  async exchangeCode(
    code: string,
    options: { readonly redirectUri?: string | undefined; readonly codeVerifier?: string | undefined } & Abortable = {},
  ): Promise<TokenSet> {
    this.#tokens.assertOpen();
    if (typeof code !== "string" || code === "") throw new TypeError("code must be the code from the callback.");
    const own = ownOptions(options, ["redirectUri", "codeVerifier", "signal"], "exchangeCode");
    const { redirectUri = this.#options.redirectUri, codeVerifier, signal } = own;
    return this.#tokenEndpoint.exchangeCode(code, redirectUri, codeVerifier, signal);
  }

  /** Refreshes tokens of your own (RFC 6749 section 6): one HTTP call, no store. @throws as `exchangeCode` */
  async refresh(refreshToken: string, options: Abortable = {}): Promise<TokenSet> {
    this.#tokens.assertOpen();
    return this.#tokenEndpoint.refresh(checkToken(refreshToken, "refreshToken"), ownOptions(options, ["signal"], "refresh").signal);
  }

  /**
   * Stores tokens that came from elsewhere: `exchangeCode`, a migration, a test. What they do not say (HubSpot account, scopes) is
   * looked up by introspection.
   * @throws `TokenStoreError`, `ConfigurationError`, and what `introspect` throws.
   */
  async saveTokens(
    tokens: TokenSet | ImportedTokens,
    options: { readonly context?: Context | undefined } & Abortable = {},
  ): Promise<Connection> {
    const { context, signal } = ownOptions(options, ["context", "signal"], "saveTokens");
    return this.#connect(tokens, context, signal);
  }

  /**
   * A fresh access token, for a client of your own. Refreshed ahead of its end, once per account however many ask.
   * @param options.rejectedToken a token that HubSpot's API refused: any other will do.
   * @param options.force refresh now, a dead grant too; success makes it active.
   * @throws `AccountNotConnectedError`, `ReauthorizationRequiredError`, `ConfigurationError`, `TokenStoreError`, and retryable ones.
   */
  async getAccessToken(accountId: string, options?: TokenOptions): Promise<string> {
    const ready = options === undefined ? this.#tokens.peek(accountId) : undefined;
    if (ready !== undefined) return ready.accessToken;
    return (await this.#tokens.token(checkAccountId(accountId), options)).accessToken;
  }

  /** The credential of an account for `HubSpotHttp`. Asks nobody whether it is connected. @throws TypeError */
  account(accountId: string): AccountCredential {
    return new CoordinatedAccount(this.#options.clientId, checkAccountId(accountId), this.#runtime, this.#tokens);
  }

  /**
   * The app's own credential for `HubSpotHttp` (RFC 6749 section 4.4): for app-level APIs such as the webhooks journal. The token is kept in
   * memory, got once however many ask, and renewed ahead of its end. Its calls throw as `exchangeCode` does.
   * @throws TypeError
   */
  clientCredentials(scopes: readonly string[]): Credential {
    const wanted = checkScopes(scopes, "scopes").toSorted();
    if (wanted.length === 0) throw new TypeError("scopes must name at least one scope of the app.");
    const id = `${this.#options.clientId}:app:${wanted.join(" ")}`;
    let credential = this.#apps.get(id);
    if (credential === undefined) {
      credential = new AppCredential(id, this.#runtime, this.#options.now, () => {
        this.#tokens.assertOpen();
        return this.#tokenEndpoint.clientCredentials(wanted);
      });
      this.#apps.set(id, credential);
    }
    return credential;
  }

  /** What HubSpot says of the account: portal, time zone, host of its pages, region of its data. One call, not cached. @throws as `HubSpotHttp.request` */
  async accountInfo(accountId: string, options: Abortable = {}): Promise<AccountInfo> {
    const { signal } = ownOptions(options, ["signal"], "accountInfo");
    return readAccountInfo(
      await new HubSpotHttp({ credential: this.account(accountId) }).get(this.#endpoints.accountInfoPath(), { signal }),
    );
  }

  /** What is known of an account, never a token; `undefined` when it is not connected. One store read. */
  async getAccount(accountId: string): Promise<AccountSummary | undefined> {
    const record = await this.#records.read(checkAccountId(accountId));
    return record === undefined ? undefined : summarize(record, this.#tokens.lastError(accountId));
  }

  /** All accounts, one store read each. @throws `ConfigurationError` when the store has no `list`, or holds another app's records. */
  async *accounts(options: { readonly status?: "active" | "dead" | undefined } = {}): AsyncGenerator<AccountSummary, void, undefined> {
    const { status } = ownOptions(options, ["status"], "accounts");
    for await (const accountId of this.#records.list()) {
      const account = await this.getAccount(accountId);
      if (account !== undefined && (status === undefined || account.status === status)) yield account;
    }
  }

  /** Resolves when the account has granted all of `scopes`. @throws `MissingScopesError` with those it has not · `AccountNotConnectedError` */
  async requireScopes(accountId: string, scopes: readonly string[]): Promise<void> {
    const missingOf = async (account: Granted | undefined): Promise<readonly string[]> => {
      if (account === undefined) throw new AccountNotConnectedError(accountId);
      const granted = account.scopes ?? (await this.#askScopes(accountId));
      return checkScopes(scopes, "scopes").filter((scope) => !granted.includes(scope) && scope !== "oauth");
    };
    if ((await missingOf(await this.#tokens.granted(checkAccountId(accountId)))).length === 0) return;
    // Another process may have connected the account again since this one looked.
    const missing = await missingOf(await this.#tokens.granted(accountId, { fresh: true }));
    if (missing.length > 0) throw new MissingScopesError({ accountId, scopes: missing, anyOf: false });
  }

  /**
   * What HubSpot knows of a token (RFC 7662); `{ active: false }` for an unknown or revoked one.
   * @param options.hint what kind of token it is. @default "access_token"
   * @throws as `exchangeCode`
   */
  async introspect(
    token: string,
    options: { readonly hint?: "access_token" | "refresh_token" | undefined } & Abortable = {},
  ): Promise<Introspection> {
    this.#tokens.assertOpen();
    const { hint = "access_token", signal } = ownOptions(options, ["hint", "signal"], "introspect");
    if (hint !== "access_token" && hint !== "refresh_token") throw new TypeError('hint must be "access_token" or "refresh_token".');
    return this.#tokenEndpoint.introspect(checkToken(token, "token"), hint, signal);
  }

  /** Revokes a refresh token (RFC 7009). Access tokens that were issued before live on until they expire. @throws as `exchangeCode` */
  async revoke(refreshToken: string, options: Abortable = {}): Promise<void> {
    this.#tokens.assertOpen();
    await this.#tokenEndpoint.revoke(checkToken(refreshToken, "refreshToken"), ownOptions(options, ["signal"], "revoke").signal);
  }

  /** Removes the app from the account's portal, for every user of it; HubSpot mails its admins. The local record stays. @throws as `HubSpotHttp.request` */
  async uninstall(accountId: string, options: Abortable = {}): Promise<void> {
    const { signal } = ownOptions(options, ["signal"], "uninstall");
    await new HubSpotHttp({ credential: this.account(accountId) }).delete(this.#endpoints.uninstallPath(), { signal });
  }

  /**
   * Disconnects an account: uninstall if asked, revoke, delete. The local record is deleted even when HubSpot is down; the result says
   * what HubSpot did not do. Quiet when the account is not connected.
   * @throws `TokenStoreError` when the record could not be deleted · `ConfigurationError` for `"unless-shared"` on a store without `list`.
   */
  async disconnect(accountId: string, given: DisconnectOptions = {}): Promise<Disconnection> {
    const { signal, uninstall, revoke = this.#options.accountId === undefined } = checkDisconnectOptions(given);
    signal?.throwIfAborted();
    this.#tokens.assertOpen();
    checkAccountId(accountId);
    const done = await disconnect(accountId, {
      read: () => this.#tokens.recordToDisconnect(accountId),
      uninstall: uninstall === true ? () => this.uninstall(accountId, { signal }) : undefined,
      revoke: revoke === false ? undefined : (refreshToken) => this.revoke(refreshToken, { signal }),
      others: revoke === "unless-shared" ? this.#records : undefined,
      remove: (grantId) => this.#tokens.disconnect(accountId, grantId),
    });
    if (done === undefined) return { uninstalled: false, revoked: false, errors: [] };
    this.#emit("disconnected", { accountId, revoked: done.revoked, uninstalled: done.uninstalled });
    return done;
  }

  /** Refuses new work, waits for refreshes under way, writes what the store has not taken yet (30 s at most), closes the sockets it opened. */
  async close(): Promise<void> {
    await this.#tokens.close();
    await this.#runtime.limiter?.close();
    await this.#transport.close();
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(
    tokens: TokenSet | ImportedTokens,
    context: Context | undefined,
    signal: AbortSignal | undefined,
    flow?: Flow,
  ): Promise<Connection> {
    const grant = await readGrant(tokens, {
      clientId: this.#options.clientId,
      nowMs: this.#options.now(),
      needsUser: this.#options.accountId !== undefined,
      introspectPath: this.#endpoints.introspectPath(),
      introspect: (token, hint) => this.introspect(token, { hint, signal }),
    });
    const accountId = this.#accountIdOf(grant, context);
    if ((flow?.hubId ?? grant.hubId) !== grant.hubId || (flow?.accountId ?? accountId) !== accountId) {
      throw new StateMismatchError(
        "wrong-account",
        "The user connected another HubSpot account than the one asked for. Nothing was stored.",
      );
    }
    const { record, reconnected } = await this.#tokens.connect(accountId, () =>
      newRecord(grant, accountId, this.#options.clientId, flow?.extraScopes),
    );
    return { accountId, hubId: record.hubId, userId: record.userId, scopes: record.scopes ?? [], reconnected };
  }

  /** For a connection whose token response did not say, and at a time when HubSpot could not be asked. */
  async #askScopes(accountId: string): Promise<readonly string[]> {
    const answer = await this.introspect(await this.getAccessToken(accountId));
    return answer.active ? (answer.scopes ?? []) : [];
  }

  /** What to ask for: configured, given, and, for a reconnect, what the account has; each scope once, and as HubSpot knows it. */
  #scopes(
    given: { readonly scopes?: readonly string[] | undefined; readonly optionalScopes?: readonly string[] | undefined },
    standing?: StoredTokens,
  ): { readonly scopes: readonly string[]; readonly optionalScopes: readonly string[] } {
    const { scopes: configured, optionalScopes: configuredOptional } = this.#options;
    const scopes = union(configured, checkScopes(given.scopes ?? [], "scopes"), standing?.extraScopes ?? []);
    // What it has beyond those can only have been optional; HubSpot drops what it cannot grant.
    const optional = union(configuredOptional, checkScopes(given.optionalScopes ?? [], "optionalScopes"), standing?.scopes ?? []);
    return { scopes, optionalScopes: optional.filter((scope) => !scopes.includes(scope) && scope !== "oauth") };
  }

  #accountIdOf({ hubId, userId }: GrantDetails, context: Context | undefined): string {
    const { accountId } = this.#options;
    return accountId === undefined ? hubId : checkAccountId(accountId({ hubId, userId, context }));
  }
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}
