/** The public names of `hubspot-oauth`. No logic. */
export { HubSpotOAuthClient } from "./client.js";
export type { Abortable, CompletedAuthorization, Connection, Disconnection } from "./client.js";
export type { GrantIdentity, HubSpotOAuthClientOptions } from "./client-options.js";
export type { BrowserProof, CreateAuthorizationOptions, StartedAuthorization } from "./authorization-flow.js";
export type { AccountSummary } from "./account-summary.js";
export type { ImportedTokens } from "./grant.js";
export type { TokenOptions } from "./account-tokens.js";
export type { ApiVersion } from "./oauth/endpoints.js";
export type { Introspection } from "./oauth/token-response.js";

export { HubSpotHttp } from "./http/hubspot-http.js";
export type { CallOptions, CallOptionsWithSchema, HubSpotHttpOptions, HubSpotResponse } from "./http/hubspot-http.js";
export type { Query, QueryValue } from "./http/request-target.js";
export type { StandardResult, StandardSchema } from "./http/standard-schema.js";
export { developerApiKey, privateAppToken } from "./credentials.js";
export type { AccountCredential, Authorization, AuthorizeOptions, Credential, HttpRuntime } from "./credentials.js";
export type { DispatcherLike, FetchLike, Send, WireRequest, WireResponse } from "./transport.js";

export { TokenSet } from "./token-set.js";
export type { Grant, RevealedTokens, StoredTokens } from "./token-set.js";
export { MemoryStateStore, MemoryTokenStore } from "./stores/memory.js";
export type { Awaitable, Lease, StateStore, TokenStore } from "./stores/store.js";

export type { EventListener, HubSpotOAuthEvent, HubSpotOAuthEventName, HubSpotOAuthEvents } from "./events.js";

export {
  AccountNotConnectedError,
  AuthorizationDeniedError,
  ConfigurationError,
  DecryptionError,
  HubSpotApiError,
  HubSpotOAuthError,
  isHubSpotOAuthError,
  MalformedResponseError,
  MissingScopesError,
  NetworkError,
  RateLimitError,
  ReauthorizationRequiredError,
  StateMismatchError,
  TimeoutError,
  TokenRequestError,
  TokenStoreError,
} from "./errors.js";
export type {
  AnyHubSpotOAuthError,
  FlowDetails,
  HubSpotApiErrorDetails,
  HubSpotErrorDetail,
  NetworkPhase,
  StateMismatchReason,
  TokenRequestErrorDetails,
} from "./errors.js";
