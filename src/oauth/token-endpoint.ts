/**
 * HubSpot's OAuth endpoints: exchange, refresh, introspect, revoke. Everything travels in the form body, nothing secret in a URL or a
 * header, no redirect is followed, and a code is sent once. What HubSpot refuses is sorted here: dead grant, configuration, try later.
 */
import { ConfigurationError, type HubSpotOAuthError, MalformedResponseError, RateLimitError, TokenRequestError } from "../errors.js";
import type { Emit } from "../events.js";
import { correlationIdOf, errorBody, retryAfter } from "../http/api-error.js";
import { safeText, safeWord } from "../safe-text.js";
import { TokenSet } from "../token-set.js";
import { header, type Send, type WireResponse } from "../transport.js";
import type { OAuthEndpoints } from "./endpoints.js";
import { type Introspection, parseIntrospection, parseTokenResponse, type TokenResponse } from "./token-response.js";

/** Far more than any token response; a page of HTML is cut off. */
const MAX_RESPONSE_BYTES = 65_536;
const CLOCK_SKEW_MS = 60_000;

/** What an OAuth client needs to talk to the endpoints. */
export interface TokenEndpointOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly origin: string;
  readonly endpoints: OAuthEndpoints;
  readonly send: Send;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly now: () => number;
  readonly emit: Emit;
}

type Form = Readonly<Record<string, string | undefined>>;

/** One app at HubSpot's OAuth endpoints. */
export class TokenEndpoint {
  readonly #options: TokenEndpointOptions;

  constructor(options: TokenEndpointOptions) {
    this.#options = options;
  }

  /** RFC 6749 section 4.1.3. The code is sent once; after a failure that leaves doubt, the flow must begin anew. */
  async exchangeCode(
    code: string,
    redirectUri: string,
    codeVerifier: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TokenSet> {
    const askedAtMs = this.#options.now();
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: codeVerifier };
    return tokenSet(await this.#token(form, signal), askedAtMs, "the code exchange");
  }

  /** RFC 6749 section 6, as the application's own call. */
  async refresh(refreshToken: string, signal: AbortSignal | undefined): Promise<TokenSet> {
    const askedAtMs = this.#options.now();
    return tokenSet(await this.requestRefresh(refreshToken, signal), askedAtMs, "the refresh");
  }

  /** RFC 6749 section 6: what came, odd or not, since a refresh token in it must not be lost. */
  requestRefresh(refreshToken: string, signal?: AbortSignal): Promise<TokenResponse> {
    return this.#token({ grant_type: "refresh_token", refresh_token: refreshToken }, signal);
  }

  /** RFC 6749 section 4.4: a token of the app itself. Not bound to a caller's signal: others may wait for it as well. */
  async clientCredentials(scopes: readonly string[]): Promise<TokenSet> {
    const askedAtMs = this.#options.now();
    const path = this.#options.endpoints.clientCredentialsPath();
    try {
      const response = await this.#token({ grant_type: "client_credentials", scope: scopes.join(" ") }, undefined, path);
      return tokenSet(response, askedAtMs, "the client credentials");
    } catch (error) {
      if (!(error instanceof TokenRequestError) || (error.hubspotStatus !== "BAD_SCOPES" && error.error !== "invalid_scope")) throw error;
      throw new ConfigurationError(`${error.message} Check that the app may have these scopes: ${scopes.join(" ")}.`);
    }
  }

  /** RFC 7662. An unknown or revoked token is `{ active: false }`, not an error. */
  async introspect(token: string, hint: "access_token" | "refresh_token", signal: AbortSignal | undefined): Promise<Introspection> {
    const path = this.#options.endpoints.introspectPath();
    const form = { token, token_type_hint: hint };
    const response = await this.#post(path, form, signal);
    if (!isSuccess(response)) throw this.#refusal(response, path, form);
    const read = parseIntrospection(jsonBody(response));
    if (read === undefined) throw malformed(response, path, "is not an introspection response");
    return read;
  }

  /** RFC 7009. Access tokens that were issued before live on until they expire. */
  async revoke(refreshToken: string, signal: AbortSignal | undefined): Promise<void> {
    const path = this.#options.endpoints.revokePath();
    const form = { token: refreshToken, token_type_hint: "refresh_token" };
    const response = await this.#post(path, form, signal);
    if (!isSuccess(response)) throw this.#refusal(response, path, form);
  }

  async #token(form: Form, signal: AbortSignal | undefined, at?: string): Promise<TokenResponse> {
    const { endpoints, timeoutMs } = this.#options;
    const startedMs = performance.now();
    const leftMs = (): number => Math.max(1, timeoutMs - (performance.now() - startedMs));
    let path = at ?? endpoints.tokenPath();
    let response = await this.#post(path, form, signal);
    const successor = response.status === 404 || response.status === 410 ? endpoints.successorOf(path) : undefined;
    if (successor !== undefined) {
      // v1 is gone, so nothing was processed: the only case in which a code is sent again.
      const second = await this.#post(successor, form, signal, leftMs());
      if (answersAsOAuth(second)) {
        endpoints.confirmMove();
        path = successor;
        response = second;
      }
    }
    if (response.status !== 200) throw this.#refusal(response, path, form);
    const body = jsonBody(response);
    if (body === undefined) throw malformed(response, path, "is not JSON");
    return parseTokenResponse(body);
  }

  async #post(path: string, form: Form, signal: AbortSignal | undefined, timeoutMs = this.#options.timeoutMs): Promise<WireResponse> {
    const { clientId, clientSecret, origin, send, userAgent } = this.#options;
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...form, client_id: clientId, client_secret: clientSecret })) {
      if (value !== undefined) body.set(name, value);
    }
    const response = await send({
      origin,
      path,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json", "user-agent": userAgent },
      body: body.toString(),
      timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      signal,
    });
    this.#noteClock(response);
    return response;
  }

  #noteClock(response: WireResponse): void {
    const skewMs = Date.parse(header(response, "date") ?? "") - this.#options.now();
    if (Math.abs(skewMs) > CLOCK_SKEW_MS) this.#options.emit("clock.skew", { skewMs });
  }

  #refusal(response: WireResponse, path: string, form: Form): HubSpotOAuthError {
    const { status } = response;
    const body = errorBody(response);
    const secrets = [this.#options.clientSecret, form["code"], form["refresh_token"], form["token"], form["code_verifier"]];
    const error = safeWord(body["error"], secrets);
    const hubspotStatus = safeWord(body["status"], secrets);
    const correlationId = correlationIdOf(response, body, secrets);
    if (status === 429) {
      return new RateLimitError("HubSpot limits the rate of token requests for this app.", {
        policyName: "TOKEN_ENDPOINT",
        retryAfterMs: retryAfter(response),
        correlationId,
      });
    }
    const errorDescription = safeText(body["error_description"], secrets) ?? safeText(body["message"], secrets);
    const said = [hubspotStatus ?? error, errorDescription].filter(Boolean).join(": ");
    const message = `HubSpot answered POST ${path} with ${status}${said && ` (${said})`}${correlationId === undefined ? "" : `, correlation id ${correlationId}`}.`;
    if (status >= 400 && status < 500 && isConfiguration(error, hubspotStatus)) {
      return new ConfigurationError(`${message} Check the app's client id, client secret and redirect URI.`);
    }
    return new TokenRequestError(message, {
      status,
      error,
      errorDescription,
      hubspotStatus,
      correlationId,
      retryable: isTransient(status),
    });
  }
}

/**
 * Why an error of a refresh means that HubSpot no longer honours the grant, or `undefined` when it may still: an outage, a limit, a wrong
 * secret or an answer nobody has seen before never costs a customer the connection.
 */
export function deadReason(error: unknown): string | undefined {
  if (!(error instanceof TokenRequestError) || error.status < 400 || error.status >= 500 || error.retryable) return undefined;
  if (error.hubspotStatus === "BAD_REFRESH_TOKEN" || error.hubspotStatus === "BAD_HUB") return error.hubspotStatus;
  return error.error === "invalid_grant" || error.error === "access_denied" ? error.error : undefined;
}

const CONFIGURATION_ERRORS = new Set(["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"]);
const CONFIGURATION_STATUSES = new Set(["BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "BAD_REDIRECT_URI"]);

function isConfiguration(error: string | undefined, hubspotStatus: string | undefined): boolean {
  // HubSpot's own word is the more exact one where both are there.
  if (hubspotStatus !== undefined && /^BAD_(REFRESH_TOKEN|HUB|AUTH_CODE)$/.test(hubspotStatus)) return false;
  return CONFIGURATION_STATUSES.has(hubspotStatus ?? "") || CONFIGURATION_ERRORS.has(error ?? "");
}

function isTransient(status: number): boolean {
  return status === 408 || status === 423 || status === 477 || status >= 500;
}

function isSuccess(response: WireResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

/** Whether an answer can only come from a token endpoint, so that the old address may be given up for good. */
function answersAsOAuth(response: WireResponse): boolean {
  if (response.status === 404 || response.status === 410) return false;
  const body = errorBody(response);
  return typeof body["access_token"] === "string" || typeof body["error"] === "string" || String(body["status"]).startsWith("BAD_");
}

function jsonBody(response: WireResponse): unknown {
  const type = header(response, "content-type");
  // JSON as plain text happens, and may carry a refresh token; a page of HTML never does.
  if (type !== undefined && !/[/+]json\b|^text\/plain\b/i.test(type)) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(response.body));
  } catch {
    return undefined; // Not JSON, or not text: the caller says which answer it was.
  }
}

function tokenSet(response: TokenResponse, obtainedAtMs: number, what: string): TokenSet {
  const { accessToken, problem } = response;
  if (problem !== undefined || accessToken === undefined) {
    throw new MalformedResponseError(`HubSpot's answer to ${what} cannot be used (${problem ?? "no access token"}).`, { status: 200 });
  }
  return new TokenSet({ ...response, accessToken, obtainedAtMs });
}

function malformed(response: WireResponse, path: string, what: string): MalformedResponseError {
  return new MalformedResponseError(`HubSpot's answer to POST ${path} (status ${response.status}) ${what}.`, {
    status: response.status,
    correlationId: correlationIdOf(response, {}),
  });
}
