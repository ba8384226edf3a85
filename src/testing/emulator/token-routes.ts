/**
 * The token endpoint: one operation behind `/oauth/{v1|v3|2026-03|2026-09}/token`.
 * Reads the parameters from a form body, as HubSpot does; v1 alone also takes two of them from the query.
 */

import { tokenError } from "./api-errors.js";
import type { EmulatorApp } from "./directory.js";
import type { TokenResponseBody } from "./emulator-settings.js";
import { type EmulatorResponse, json } from "./messages.js";
import type { Route, RouteContext } from "./route-table.js";
import { type EmulatorState, type IssuedTokens, s256 } from "./state.js";

type Form = Readonly<Record<string, string>>;

const CLIENT_CREDENTIALS_SCOPES = new Set(
  ["read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write"].map(
    (right) => `developer.webhooks_journal.${right}`,
  ),
);

/** The token routes. */
export const tokenRoutes: readonly Route[] = [
  {
    name: "token",
    method: "POST",
    pattern: "/oauth/{version:v1|v3|2026-03|2026-09}/token",
    handler: issueTokens,
  },
];

/** The app that a form's client_id and client_secret belong to, or the error to answer. */
export function authenticateClient(state: EmulatorState, form: Form): EmulatorApp | EmulatorResponse {
  const app = state.findApp(form["client_id"]);
  if (app === undefined) return tokenError("BAD_CLIENT_ID", state.settings);
  return form["client_secret"] === app.clientSecret ? app : tokenError("BAD_CLIENT_SECRET", state.settings);
}

function issueTokens({ state, request, params, query }: RouteContext): EmulatorResponse {
  const form = params["version"] === "v1" ? { ...v1Fields(query), ...request.form } : (request.form ?? {});
  const grantType = form["grant_type"];
  if (grantType !== "authorization_code" && grantType !== "refresh_token" && grantType !== "client_credentials") {
    return tokenError("BAD_GRANT_TYPE", state.settings);
  }
  const app = authenticateClient(state, form);
  if ("status" in app) return app;
  if (grantType === "authorization_code") return exchangeCode(state, app, form);
  return grantType === "refresh_token" ? refresh(state, app, form) : clientCredentials(state, app, form);
}

/** What v1 also takes from the query, which is one reason for its end. */
function v1Fields({ client_secret: clientSecret, refresh_token: refreshToken }: Form): Form {
  return {
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  };
}

function exchangeCode(state: EmulatorState, app: EmulatorApp, form: Form): EmulatorResponse {
  const code = state.findCode(form["code"]);
  if (code === undefined || code.clientId !== app.clientId) return tokenError("BAD_AUTH_CODE", state.settings);
  if (state.findAccount(code.hubId) === undefined) return tokenError("BAD_HUB", state.settings);
  if (form["redirect_uri"] !== code.redirectUri) return tokenError("BAD_REDIRECT_URI", state.settings);
  const verifier = form["code_verifier"];
  const { pkce } = state.settings;
  if (pkce === "rejected" && verifier !== undefined) return tokenError("BAD_CODE_VERIFIER", state.settings);
  // A verifier for a code without a challenge: somebody took the challenge out of the authorize URL (RFC 9700, section 4.8.2).
  const sent = verifier === undefined ? undefined : s256(verifier);
  if (pkce === "enforced" && sent !== code.codeChallenge) return tokenError("BAD_CODE_VERIFIER", state.settings);
  return success(state, state.redeemCode(code));
}

function refresh(state: EmulatorState, app: EmulatorApp, form: Form): EmulatorResponse {
  const lookup = state.findRefreshToken(form["refresh_token"]);
  if (lookup === undefined || lookup.grant.clientId !== app.clientId) return tokenError("BAD_REFRESH_TOKEN", state.settings);
  if (state.findAccount(lookup.grant.hubId) === undefined) return tokenError("BAD_HUB", state.settings);
  const issued = state.refresh(lookup);
  return issued === undefined ? tokenError("BAD_REFRESH_TOKEN", state.settings) : success(state, issued);
}

function clientCredentials(state: EmulatorState, app: EmulatorApp, form: Form): EmulatorResponse {
  const scopes = (form["scope"] ?? "").split(" ").filter((scope) => scope !== "");
  if (scopes.length === 0 || !scopes.every((scope) => CLIENT_CREDENTIALS_SCOPES.has(scope))) {
    return tokenError("BAD_SCOPES", state.settings);
  }
  const { token } = state.issueClientCredentialsToken(app.clientId, scopes);
  return answer(state, {
    token_type: "bearer",
    access_token: token,
    scopes,
    expires_in: state.settings.accessTokenLifetimeSeconds,
    token_use: "client_credentials",
  });
}

function success(state: EmulatorState, { grant, accessToken }: IssuedTokens): EmulatorResponse {
  return answer(state, {
    token_type: "bearer",
    refresh_token: grant.refreshToken,
    access_token: accessToken.token,
    hub_id: grant.hubId,
    ...(state.settings.userIdInTokenResponse ? { user_id: grant.userId } : {}),
    scopes: [...accessToken.scopes],
    expires_in: state.settings.accessTokenLifetimeSeconds,
    token_use: "access_token",
  });
}

function answer(state: EmulatorState, body: TokenResponseBody): EmulatorResponse {
  return json(200, state.settings.tokenResponse?.(body) ?? body, { "cache-control": "no-store" });
}
