/**
 * Everything else that is done to tokens: introspect and revoke (v3 and dated), the v1 metadata paths, and the uninstall.
 */

import { objectNotFound } from "./api-errors.js";
import { authenticate } from "./bearer.js";
import { type EmulatorResponse, empty, json } from "./messages.js";
import type { Route, RouteContext } from "./route-table.js";
import type { AccessToken, EmulatorState, Grant } from "./state.js";
import { authenticateClient } from "./token-routes.js";

/** The routes of this file. */
export const tokenMetadataRoutes: readonly Route[] = [
  {
    name: "introspect",
    method: "POST",
    pattern: "/oauth/{version:v3|2026-03|2026-09}/token/introspect",
    handler: introspect,
  },
  {
    name: "revoke",
    method: "POST",
    pattern: "/oauth/{version:v3|2026-03|2026-09}/token/revoke",
    handler: revoke,
  },
  {
    name: "access-token-metadata",
    method: "GET",
    pattern: "/oauth/v1/access-tokens/{token}",
    handler: accessTokenMetadata,
  },
  {
    name: "refresh-token-metadata",
    method: "GET",
    pattern: "/oauth/v1/refresh-tokens/{token}",
    handler: refreshTokenMetadata,
  },
  {
    name: "refresh-token-delete",
    method: "DELETE",
    pattern: "/oauth/v1/refresh-tokens/{token}",
    handler: deleteRefreshToken,
  },
  {
    name: "uninstall",
    method: "DELETE",
    pattern: "/appinstalls/{version:v3|2026-03|2026-09}/external-install",
    handler: uninstall,
  },
];

function introspect({ state, request }: RouteContext): EmulatorResponse {
  const form = request.form ?? {};
  const app = authenticateClient(state, form);
  if ("status" in app) return app;
  const field = state.settings.introspectField;
  const named = field === "token" ? undefined : (form["access_token"] ?? form["refresh_token"]);
  const token = (field === "named" ? undefined : form["token"]) ?? named;
  const accessToken = liveAccessToken(state, token);
  if (accessToken !== undefined && accessToken.clientId === app.clientId) {
    const body = {
      active: true,
      ...accessTokenFacts(state, accessToken),
      token_use: "access_token",
      token_type: "Bearer",
    };
    return json(200, { ...body, client_id: app.clientId });
  }
  const lookup = state.findRefreshToken(token);
  if (lookup?.current === true && lookup.grant.clientId === app.clientId && state.findAccount(lookup.grant.hubId) !== undefined) {
    const body = {
      active: true,
      ...refreshTokenFacts(state, lookup.grant),
      token_use: "refresh_token",
      token_type: "Bearer",
    };
    return json(200, { ...body, app_id: app.appId });
  }
  return json(200, { active: false });
}

function revoke({ state, request }: RouteContext): EmulatorResponse {
  const form = request.form ?? {};
  const app = authenticateClient(state, form);
  if ("status" in app) return app;
  const lookup = state.findRefreshToken(form["token"]);
  if (lookup !== undefined && lookup.grant.clientId === app.clientId) lookup.grant.revoked = true;
  const { revokeBody } = state.settings;
  return revokeBody === undefined ? empty(200) : json(200, revokeBody);
}

function accessTokenMetadata({ state, params }: RouteContext): EmulatorResponse {
  const token = liveAccessToken(state, params["token"]);
  if (token === undefined) return objectNotFound();
  return json(200, { ...accessTokenFacts(state, token), token_type: "access" });
}

function refreshTokenMetadata({ state, params }: RouteContext): EmulatorResponse {
  const lookup = state.findRefreshToken(params["token"]);
  if (lookup?.current !== true) return objectNotFound();
  return json(200, { ...refreshTokenFacts(state, lookup.grant), token_type: "refresh" });
}

function deleteRefreshToken({ state, params }: RouteContext): EmulatorResponse {
  const lookup = state.findRefreshToken(params["token"]);
  if (lookup === undefined) return objectNotFound();
  lookup.grant.revoked = true;
  return empty(204);
}

function uninstall(context: RouteContext): EmulatorResponse {
  const caller = authenticate(context, ["oauth"]);
  if ("status" in caller) return caller;
  context.state.uninstall(caller.account.hubId, caller.clientId);
  return empty(204);
}

function liveAccessToken(state: EmulatorState, token: string | undefined): AccessToken | undefined {
  const found = state.findAccessToken(token);
  const alive = found !== undefined && !found.stopped && state.now() < found.expiresAtMs && state.findAccount(found.hubId) !== undefined;
  return alive ? found : undefined;
}

function accessTokenFacts(state: EmulatorState, token: AccessToken): Record<string, unknown> {
  const account = state.findAccount(token.hubId);
  const app = state.findApp(token.clientId);
  const isPrivate = app?.distribution === "private";
  return {
    token: token.token,
    hub_id: token.hubId,
    user_id: token.userId,
    app_id: app?.appId,
    user: account?.users.find((user) => user.userId === token.userId)?.email,
    hub_domain: account?.hubDomain,
    scopes: token.scopes,
    signed_access_token: {
      expiresAt: token.expiresAtMs,
      scopes: Buffer.from(token.scopes.join(" ")).toString("base64"),
      hubId: token.hubId,
      userId: token.userId,
      appId: app?.appId,
      signature: "ZW11bGF0b3I=",
      newSignature: "ZW11bGF0b3I=",
      scopeToScopeGroupPks: "",
      trialScopes: "",
      trialScopeToScopeGroupPks: "",
      hublet: account?.region,
      installingUserId: token.userId,
      isPrivateDistribution: isPrivate,
      isServiceAccount: false,
      isUserLevel: false,
    },
    expires_in: Math.floor((token.expiresAtMs - state.now()) / 1000),
    is_private_distribution: isPrivate,
  };
}

function refreshTokenFacts(state: EmulatorState, grant: Grant): Record<string, unknown> {
  const account = state.findAccount(grant.hubId);
  return {
    token: grant.refreshToken,
    hub_id: grant.hubId,
    user_id: grant.userId,
    client_id: grant.clientId,
    user: account?.users.find((user) => user.userId === grant.userId)?.email,
    hub_domain: account?.hubDomain,
    scopes: grant.scopes,
  };
}
