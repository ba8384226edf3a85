/** The public names of `hubspot-oauth`. No logic. */
export { HubSpotOAuthClient } from "./client.js";
export type { Abortable, CompletedAuthorization, Connection } from "./client.js";
export type { AccountInfo } from "./account-info.js";
export type { Disconnection, DisconnectOptions, RevokeChoice } from "./disconnect.js";
export type { GrantIdentity, HubSpotOAuthClientOptions } from "./client-options.js";
export type { BrowserProof, CreateAuthorizationOptions, StartedAuthorization } from "./authorization-flow.js";
export type { AccountSummary } from "./account-summary.js";
export type { ImportedTokens } from "./grant.js";
export type { TokenOptions } from "./account-tokens.js";
export type { ApiVersion } from "./oauth/endpoints.js";
export type { Introspection } from "./oauth/token-response.js";

export { HubSpotHttp } from "./http/hubspot-http.js";
export type { HubSpotStream } from "./http/hubspot-http.js";
export type { BoundFetch } from "./http/bound-fetch.js";
export type { CallOptions, CallOptionsWithSchema, HubSpotHttpOptions, HubSpotResponse, StreamOptions } from "./http/http-options.js";
export type { Page, Paginated, PaginateOptions, PaginateOptionsWithSchema } from "./http/pagination.js";
export { RateLimiter } from "./http/rate-limit.js";
export type { RateLimitBucket, RateLimitExchange, RateLimitGrant, RateLimitOptions, RateLimitStore } from "./http/rate-limit.js";
export type { RetryOptions } from "./http/retry-policy.js";
export type { Query, QueryValue } from "./http/request-target.js";
export type { StandardResult, StandardSchema } from "./http/standard-schema.js";
export { developerApiKey, privateAppToken } from "./credentials.js";
export type { AccountCredential, Authorization, AuthorizeOptions, Credential, HttpRuntime } from "./credentials.js";
export type { Open, OpenedResponse } from "./stream-transport.js";
export type { DispatcherLike, FetchLike, Send, WireRequest, WireResponse } from "./transport.js";

export { verifyHubSpotSignature } from "./request-signature.js";
export type { SignatureOptions, SignatureVersion, SignedHeaders, SignedRequest, VerifiedSignature } from "./request-signature.js";

export { TokenSet } from "./token-set.js";
export type { Grant, RevealedTokens, StoredTokens } from "./token-set.js";
export { MemoryStateStore, MemoryTokenStore } from "./stores/memory.js";
export type { Awaitable, Lease, StateStore, TokenStore } from "./stores/store.js";

export type { EventListener, HubSpotOAuthEvent, HubSpotOAuthEventName, HubSpotOAuthEvents } from "./events.js";
export type { RefreshTrace, RequestTrace } from "./tracing.js";

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
  RequestSignatureError,
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
  RequestSignatureReason,
  StateMismatchReason,
  TokenRequestErrorDetails,
} from "./errors.js";
