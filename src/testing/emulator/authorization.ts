/**
 * What HubSpot decides about an authorize URL: which error page stops it, who may grant it, and the callback URL that follows.
 * Used by the consent page and by the headless `emulator.authorize()`, so that both obey the same rules.
 */

import type { AuthorizationProblem } from "./authorization-problem.js";
import type { EmulatorAccount, EmulatorApp } from "./directory.js";
import type { EmulatorUser } from "./directory-options.js";
import { installProblem } from "./installation.js";
import type { EmulatorState } from "./state.js";

/** An authorize URL that HubSpot would show a consent page for. */
export interface AuthorizationRequest {
  readonly app: EmulatorApp;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly optionalScopes: readonly string[];
  readonly state: string | undefined;
  readonly codeChallenge: string | undefined;
  /** The account in the path, if it names one. */
  readonly preselected: EmulatorAccount | undefined;
  /** Set when the request goes straight back to the app. */
  readonly refusal: { readonly error: string; readonly description: string } | undefined;
}

/** Who clicked what. */
export interface ConsentDecision {
  readonly account: EmulatorAccount;
  readonly user: EmulatorUser;
  readonly decision: "grant" | "deny";
}

/** Reads an authorize URL's parameters. */
export function readAuthorization(
  state: EmulatorState,
  query: Readonly<Record<string, string>>,
  portalId: string | undefined,
): AuthorizationRequest | AuthorizationProblem {
  const app = state.findApp(query["client_id"]);
  if (app === undefined) {
    return {
      title: "Unknown app",
      detail: `No app has the client_id ${quote(query["client_id"])}.`,
      fix: "Give your client the client id of one of the emulator's apps: emulator.app.clientId, or the page at the emulator's root.",
    };
  }
  const redirectUri = query["redirect_uri"];
  if (redirectUri === undefined || !app.redirectUris.includes(redirectUri)) {
    return {
      title: "Redirect URL mismatch",
      detail: `The redirect_uri ${quote(redirectUri)} is not one of the app's redirect URLs.`,
      fix: `The app ${app.name} has: ${app.redirectUris.join(", ") || "none"}. Send one of them, character by character, or configure this one too: emulator.addRedirectUri(), and at HubSpot in the app's settings.`,
    };
  }
  const preselected = portalId === undefined ? undefined : state.findAccount(Number(portalId));
  if (portalId !== undefined && preselected === undefined) {
    return {
      title: "Unknown account",
      detail: `There is no account ${quote(portalId)}, or you have no access to it.`,
      fix: "Leave the account out of the path, so that the person chooses, or name one that exists.",
    };
  }
  const scopes = scopeList(query["scope"]);
  const optionalScopes = scopeList(query["optional_scope"]).filter((scope) => !scopes.includes(scope));
  const problem = scopeProblem(app, scopes, optionalScopes);
  if (problem !== undefined) return { title: "Scope mismatch", ...problem };
  const codeChallenge = query["code_challenge"];
  const refusal = pkceRefusal(state, codeChallenge, query["code_challenge_method"]);
  return {
    app,
    redirectUri,
    scopes,
    optionalScopes,
    state: query["state"],
    codeChallenge,
    preselected,
    refusal,
  };
}

/** Carries a decision out. A string is the callback URL; undefined means HubSpot goes nowhere. */
export function decide(
  state: EmulatorState,
  request: AuthorizationRequest,
  { account, user, decision }: ConsentDecision,
): string | undefined | AuthorizationProblem {
  if (request.refusal !== undefined) return refusalUrl(state, request);
  if (decision === "deny") {
    if (state.settings.denial === "no-callback") return undefined;
    return errorUrl(state, request, "access_denied", "The user denied access to the app");
  }
  const problem = installProblem(state, request.app, account, user);
  if (problem !== undefined) return problem;
  const lacking = request.scopes.filter((scope) => account.unavailableScopes.includes(scope));
  if (lacking.length > 0) {
    return {
      title: "This account cannot install the app",
      detail: `Account ${account.hubId} cannot grant: ${lacking.join(" ")}.`,
      fix: "Ask for these scopes in optional_scope, where an account that lacks them still connects, or choose an account whose subscription has them.",
    };
  }
  const optional = request.optionalScopes.filter((scope) => !account.unavailableScopes.includes(scope));
  const scopes = [...new Set(["oauth", ...request.scopes, ...optional])];
  const { code } = state.issueCode({
    clientId: request.app.clientId,
    hubId: account.hubId,
    userId: user.userId,
    redirectUri: request.redirectUri,
    scopes,
    codeChallenge: request.codeChallenge,
  });
  return withQuery(request.redirectUri, { code, state: request.state });
}

/** The callback URL of a request that never reaches the consent page. */
export function refusalUrl(state: EmulatorState, request: AuthorizationRequest): string {
  return errorUrl(state, request, request.refusal?.error ?? "server_error", request.refusal?.description ?? "");
}

function scopeProblem(
  app: EmulatorApp,
  scopes: readonly string[],
  optionalScopes: readonly string[],
): Pick<AuthorizationProblem, "detail" | "fix"> | undefined {
  const required = app.requiredScopes.filter((scope) => scope !== "oauth");
  if (scopes.length === 0) {
    return {
      detail: "The URL has no scope parameter.",
      fix: `Put every scope that the app requires into scope: ${required.join(" ") || "oauth"}.`,
    };
  }
  const missing = required.filter((scope) => !scopes.includes(scope));
  if (missing.length > 0) {
    return {
      detail: `The scope parameter lacks scopes that the app requires: ${missing.join(" ")}.`,
      fix: "Add them to the scopes of your client, or make them optional in the app's settings.",
    };
  }
  const known = new Set(["oauth", ...app.requiredScopes, ...app.conditionalScopes]);
  const foreign = scopes.filter((scope) => !known.has(scope));
  if (foreign.length > 0) {
    return {
      detail: `The scope parameter has scopes that the app is not configured for: ${foreign.join(" ")}.`,
      fix: "Take them out of your client's scopes, move those that the app lists as optional to its optional scopes, or add them to the app's settings.",
    };
  }
  const optional = new Set(["oauth", ...app.optionalScopes]);
  const foreignOptional = optionalScopes.filter((scope) => !optional.has(scope));
  if (foreignOptional.length === 0) return undefined;
  return {
    detail: `The optional_scope parameter has scopes that the app does not list as optional: ${foreignOptional.join(" ")}.`,
    fix: "Take them out of your client's optional scopes, or add them to the optional scopes in the app's settings.",
  };
}

function pkceRefusal(state: EmulatorState, challenge: string | undefined, method: string | undefined): AuthorizationRequest["refusal"] {
  const { pkce } = state.settings;
  if (challenge === undefined || pkce === "ignored") return undefined;
  if (pkce === "rejected") return { error: "invalid_request", description: "code_challenge is not supported" };
  return method === "S256" ? undefined : { error: "invalid_request", description: "code_challenge_method must be S256" };
}

function errorUrl(state: EmulatorState, request: AuthorizationRequest, error: string, description: string): string {
  const echoed = state.settings.denial === "redirect-without-state" ? undefined : request.state;
  return withQuery(request.redirectUri, { error, error_description: description, state: echoed });
}

/** Keeps a query that the redirect URI already has. HubSpot writes a space as %20. */
function withQuery(uri: string, params: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(params).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  return `${uri}${uri.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}

function scopeList(value: string | undefined): string[] {
  return [...new Set((value ?? "").split(" ").filter((scope) => scope !== ""))];
}

function quote(value: string | undefined): string {
  return value === undefined ? "(missing)" : JSON.stringify(value);
}
