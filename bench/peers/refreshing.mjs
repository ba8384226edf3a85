// The peers with a notion of refreshing, each with the few lines around it that its documentation shows. `create` is given `shared`, the place
// of the tokens (`read()`, `write(tokens)`), and answers `{ getToken() }`. Where a document says nothing of several callers or processes,
// there is nothing here either.
import { OAuth2Client as BadgatewayClient, OAuth2Fetch } from "@badgateway/oauth2-client";
import { Client as HubSpotClient } from "@hubspot/api-client";
import { OAuth2Client as GoogleClient } from "google-auth-library";
import * as oauth4webapi from "oauth4webapi";
import * as openid from "openid-client";
import { AuthorizationCode } from "simple-oauth2";

const TOKEN_PATH = "/oauth/v1/token";

/** Reads before, refreshes what is over, writes after: what is left to the user of a library that only sends the request. */
function byHand(shared, refresh) {
  return async () => {
    const stored = await shared.read();
    if (stored.expiresAtMs > Date.now()) return stored.accessToken;
    const tokens = await refresh(stored);
    await shared.write(tokens);
    return tokens.accessToken;
  };
}

/** A token answer; one without a refresh token leaves the old one good. */
function tokensOf({ access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn }, old) {
  return { accessToken, refreshToken: refreshToken ?? old.refreshToken, expiresAtMs: Date.now() + expiresIn * 1_000 };
}

export const refreshingPeers = {
  badgateway: {
    // `getStoredToken` and `storeToken`, as documented.
    async create({ origin, clientId, clientSecret, shared }) {
      const client = new BadgatewayClient({
        server: origin,
        clientId,
        clientSecret,
        tokenEndpoint: TOKEN_PATH,
        authenticationMethod: "client_secret_post", // HubSpot's way.
      });
      const wrapper = new OAuth2Fetch({
        client,
        getNewToken: () => null, // A user would have to come and grant again.
        getStoredToken: async () => {
          const { accessToken, refreshToken, expiresAtMs } = await shared.read();
          return { accessToken, refreshToken, expiresAt: expiresAtMs };
        },
        storeToken: ({ accessToken, refreshToken, expiresAt }) => shared.write({ accessToken, refreshToken, expiresAtMs: expiresAt }),
      });
      return { getToken: () => wrapper.getAccessToken() };
    },
  },

  google: {
    // `setCredentials` at the start and the `tokens` event, as documented.
    async create({ origin, clientId, clientSecret, shared }) {
      const client = new GoogleClient({ clientId, clientSecret, endpoints: { oauth2TokenUrl: `${origin}${TOKEN_PATH}` } });
      const stored = await shared.read();
      client.setCredentials({ access_token: stored.accessToken, refresh_token: stored.refreshToken, expiry_date: stored.expiresAtMs });
      client.on("tokens", ({ access_token: accessToken, refresh_token: refreshToken, expiry_date: expiresAtMs }) =>
        shared.write({ accessToken, refreshToken: refreshToken ?? stored.refreshToken, expiresAtMs }),
      );
      return { getToken: async () => (await client.getAccessToken()).token };
    },
  },

  "simple-oauth2": {
    // The persisted JSON, read and written by each caller, as documented.
    async create({ origin, clientId, clientSecret, shared }) {
      const client = new AuthorizationCode({
        client: { id: clientId, secret: clientSecret },
        auth: { tokenHost: origin, tokenPath: TOKEN_PATH, refreshPath: TOKEN_PATH },
        options: { authorizationMethod: "body" },
      });
      return {
        async getToken() {
          const stored = await shared.read();
          let accessToken = client.createToken({
            access_token: stored.accessToken,
            refresh_token: stored.refreshToken,
            expires_at: new Date(stored.expiresAtMs),
          });
          if (accessToken.expired()) {
            accessToken = await accessToken.refresh();
            const { access_token: access, refresh_token: refreshToken, expires_at: expiresAt } = accessToken.token;
            await shared.write({ accessToken: access, refreshToken, expiresAtMs: expiresAt.getTime() });
          }
          return accessToken.token.access_token;
        },
      };
    },
  },

  "openid-client": {
    // JSON read and written around `refreshTokenGrant`; the documents say nothing.
    async create({ origin, clientId, clientSecret, shared }) {
      const config = new openid.Configuration(
        { issuer: origin, token_endpoint: `${origin}${TOKEN_PATH}` },
        clientId,
        undefined,
        openid.ClientSecretPost(clientSecret),
      );
      openid.allowInsecureRequests(config); // Loopback without TLS.
      return {
        getToken: byHand(shared, async (stored) => tokensOf(await openid.refreshTokenGrant(config, stored.refreshToken), stored)),
      };
    },
  },

  oauth4webapi: {
    // JSON read and written around `refreshTokenGrantRequest`; the documents say nothing.
    async create({ origin, clientId, clientSecret, shared }) {
      const server = { issuer: origin, token_endpoint: `${origin}${TOKEN_PATH}` };
      const client = { client_id: clientId };
      const secret = oauth4webapi.ClientSecretPost(clientSecret);
      const options = { [oauth4webapi.allowInsecureRequests]: true }; // Loopback without TLS.
      const refresh = async (stored) => {
        const response = await oauth4webapi.refreshTokenGrantRequest(server, client, secret, stored.refreshToken, options);
        return tokensOf(await oauth4webapi.processRefreshTokenResponse(server, client, response), stored);
      };
      return { getToken: byHand(shared, refresh) };
    },
  },

  hubspot: {
    // JSON read and written around the README's `tokensApi.create`; it says nothing.
    async create({ origin, clientId, clientSecret, shared }) {
      const client = new HubSpotClient({ basePath: origin });
      const refresh = async (stored) => {
        const results = await client.oauth.tokensApi.create(
          "refresh_token",
          undefined,
          undefined,
          clientId,
          clientSecret,
          stored.refreshToken,
        );
        client.setAccessToken(results.accessToken);
        const { accessToken, refreshToken, expiresIn } = results;
        return tokensOf({ access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn }, stored);
      };
      return { getToken: byHand(shared, refresh) };
    },
  },
};
