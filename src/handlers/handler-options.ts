/**
 * What an application tells its handlers: who is signed in, what to store, where to go. One interface for every adapter; checked once, when
 * the handlers are made.
 */
import type { CompletedAuthorization, HubSpotOAuthClient } from "../client.js";
import { checkDisconnectOptions, type Disconnection, type RevokeChoice } from "../disconnect.js";
import type { AuthorizationDeniedError } from "../errors.js";
import { checkReturnTo, checkScopes } from "../oauth/authorize.js";
import { checkFunction, ownOptions } from "../option-checks.js";
import type { Awaitable } from "../stores/store.js";

/** The part of a `HubSpotOAuthClient` that handlers use. */
export type HandlersClient<Context = unknown> = Pick<
  HubSpotOAuthClient<Context>,
  "createAuthorization" | "completeAuthorization" | "disconnect"
>;

/** A client, or a function that makes or finds it at the first request, for apps that are built without their environment. */
export type ClientSource<Context = unknown> = HandlersClient<Context> | (() => Awaitable<HandlersClient<Context>>);

/** Who is signed in, as far as connecting is concerned. */
export interface HandlerSession<Context = unknown> {
  /**
   * A secret of this browser, such as its session id: the flow then ends in this session only. Not with a session cookie that is
   * `SameSite=Strict`, since it does not come back from HubSpot. @default a cookie of its own for each flow
   */
  readonly binding?: string | undefined;
  /** Sealed into the flow, and back in `onConnected`: tenant, user. At most 1,024 bytes as JSON. */
  readonly context?: Context | undefined;
  /** The accounts this person may reconnect and disconnect. @default none */
  readonly accountIds?: readonly string[] | undefined;
}

/** What an application may answer a request with: a path on its own origin, a whole response, or nothing for the default. */
export type HandlerAnswer = string | Response | null | undefined | void;

/** Why a handler did not do what was asked: the `code` of the library's error, or one of these. */
export type HandlerFailureCode =
  /** `session` found nobody. Answer with the path of your sign-in page to send them there. */
  | "not_signed_in"
  /** The account is not among the session's `accountIds`. */
  | "account_not_allowed"
  /** A link asked for a scope that `extraScopes` does not have. */
  | "scope_not_allowed"
  /** Another site sent the form. */
  | "cross_site"
  /** The tokens are stored, but `onConnected` failed; or the account is disconnected, but `onDisconnected` failed. */
  | "app_failed"
  /** A function of yours failed, or something nobody expected. */
  | "unexpected"
  | (string & {});

/** What `onError` is told. */
export interface HandlerFailure {
  /** The handler that was asked. */
  readonly step: "connect" | "callback" | "disconnect";
  /** What went wrong: the `code` of a library error, or a word of the handlers. */
  readonly code: HandlerFailureCode;
  /** HTTP status of the default page. */
  readonly status: number;
  /** What the default page says, for a page of your own: plain words of the handlers, nothing from outside. */
  readonly title: string;
  /** The same at length, in one or two sentences. */
  readonly text: string;
  /** What was thrown; `undefined` when a rule of the handlers refused the request. Log it, never show it. */
  readonly error: unknown;
  /** Where to try again: a path of yours, made from `connectPath`. `undefined` when trying again is no help. */
  readonly retryPath: string | undefined;
  /** Where the person came from, or the default `returnTo`. */
  readonly returnTo: string;
}

/** What `onDisconnected` is told. */
export interface HandlerDisconnection extends Disconnection {
  readonly accountId: string;
}

/** Options of the handlers; `FrameworkRequest` is what your framework calls a request. */
export interface HandlerOptions<FrameworkRequest, Context = unknown> {
  /**
   * Who is signed in; nothing means nobody, who may neither connect nor disconnect. Asked at every request; at the callback for the `binding`.
   */
  readonly session: (request: FrameworkRequest) => Awaitable<HandlerSession<Context> | null | undefined>;
  /** The path under which `connect` answers: pages link to it. */
  readonly connectPath: string;
  /**
   * Store `accountId` with its user here, before the browser goes on. The tokens are stored already. A path or response that you answer
   * replaces the redirect to `returnTo`. May run again for the same account.
   */
  readonly onConnected: (result: CompletedAuthorization<Context>, request: FrameworkRequest) => Awaitable<HandlerAnswer>;
  /** Where people go when their link named no `return_to`, or one that is not a path of this origin. @default "/" */
  readonly returnTo?: string | undefined;
  /** The person, or HubSpot, said no. @default what `onError` answers, or a page */
  readonly onDenied?: ((error: AuthorizationDeniedError, request: FrameworkRequest) => Awaitable<HandlerAnswer>) | undefined;
  /** Log here; a path or response replaces the page. @default a page, and for status 500 and up a process warning */
  readonly onError?: ((failure: HandlerFailure, request: FrameworkRequest) => Awaitable<HandlerAnswer>) | undefined;
  /**
   * Runs before an account is disconnected, while its token still works: remove here what you set up at HubSpot, such as subscriptions. What it
   * throws is the first of `errors`; the account is disconnected all the same, since its grant may be dead. @default nothing
   */
  readonly beforeDisconnect?: ((accountId: string, request: FrameworkRequest) => Awaitable<void>) | undefined;
  /** Forget the account here. `errors` says what was not done at HubSpot. @default back to `return_to`, or a page if there are errors */
  readonly onDisconnected?: ((result: HandlerDisconnection, request: FrameworkRequest) => Awaitable<HandlerAnswer>) | undefined;
  /**
   * A callback that no flow of ours began: HubSpot's marketplace. Its code is never used. `restart`: a flow of our own begins, once;
   * `refuse`: an error page; or your own answer. @default "restart"
   */
  readonly marketplaceInstall?: "restart" | "refuse" | ((request: FrameworkRequest) => Awaitable<HandlerAnswer>) | undefined;
  /** Scopes that a link may ask for by `scope=`, beyond the client's own. @default [] */
  readonly extraScopes?: readonly string[] | undefined;
  /** What `disconnect` does at HubSpot, as in the client's `disconnect()`. @default the client's defaults */
  readonly disconnect?: { readonly revoke?: RevokeChoice | undefined; readonly uninstall?: boolean | undefined } | undefined;
}

/** Options with the defaults filled in. */
export interface ResolvedHandlerOptions<FrameworkRequest, Context> extends HandlerOptions<FrameworkRequest, Context> {
  readonly returnTo: string;
  readonly marketplaceInstall: "restart" | "refuse" | ((request: FrameworkRequest) => Awaitable<HandlerAnswer>);
  readonly extraScopes: readonly string[];
  readonly disconnect: { readonly revoke?: RevokeChoice | undefined; readonly uninstall?: boolean | undefined };
}

const KNOWN: readonly (keyof HandlerOptions<never>)[] = [
  "session",
  "connectPath",
  "onConnected",
  "returnTo",
  "onDenied",
  "onError",
  "beforeDisconnect",
  "onDisconnected",
  "marketplaceInstall",
  "extraScopes",
  "disconnect",
];

/** @throws TypeError that names the wrong option. */
export function resolveHandlerOptions<FrameworkRequest, Context>(
  given: HandlerOptions<FrameworkRequest, Context>,
): ResolvedHandlerOptions<FrameworkRequest, Context> {
  const options = ownOptions(given, KNOWN, "createHandlers");
  const { marketplaceInstall = "restart", extraScopes = [], returnTo = "/" } = options;
  if (typeof options.session !== "function") throw new TypeError("session must be a function that says who is signed in.");
  if (typeof options.onConnected !== "function")
    throw new TypeError("onConnected must be a function that stores the account with its user.");
  for (const name of ["onDenied", "onError", "beforeDisconnect", "onDisconnected"] as const) checkFunction(options[name], name);
  if (!isPath(options.connectPath) || /[?#]/.test(options.connectPath))
    throw new TypeError('connectPath must be the path of connect, such as "/hubspot/connect".');
  if (typeof marketplaceInstall !== "function" && marketplaceInstall !== "restart" && marketplaceInstall !== "refuse")
    throw new TypeError('marketplaceInstall must be "restart", "refuse" or a function.');
  return {
    ...options,
    returnTo: checkReturnTo(returnTo),
    marketplaceInstall,
    extraScopes: checkScopes(extraScopes, "extraScopes"),
    disconnect: checkDisconnectOptions(ownOptions(options.disconnect ?? {}, ["revoke", "uninstall"], "disconnect")),
  };
}

/** Whether a value is a path on the application's own origin, whatever a browser makes of it. */
export function isPath(value: unknown): value is string {
  try {
    return checkReturnTo(value) === value;
  } catch {
    return false;
  }
}
