// OAuth libraries and HubSpot's own SDK, each reading the page as its documentation says, with a token that is good. Those that send no API
// requests of their own stand with the global fetch.
import { Agent as HttpAgent } from "node:http";
import { OAuth2Client as BadgatewayClient, OAuth2Fetch } from "@badgateway/oauth2-client";
import { Client as HubSpotClient } from "@hubspot/api-client";
import { OAuth2Client as GoogleClient } from "google-auth-library";
import * as oauth4webapi from "oauth4webapi";
import * as openid from "openid-client";
import { AuthorizationCode } from "simple-oauth2";
import { ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EXPIRES_AT_MS, PATH } from "./page.mjs";

export const oauthClients = {
  hubspot: {
    label: "@hubspot/api-client",
    refreshes: "no",
    create: ({ origin }) => {
      const client = new HubSpotClient({ accessToken: ACCESS_TOKEN, basePath: origin });
      return { call: (limit) => client.crm.contacts.basicApi.getPage(limit), close() {} };
    },
  },

  "hubspot-agent": {
    label: "@hubspot/api-client, httpAgent",
    refreshes: "no",
    create: ({ origin }) => {
      const httpAgent = new HttpAgent({ keepAlive: true });
      const client = new HubSpotClient({ accessToken: ACCESS_TOKEN, basePath: origin, httpAgent });
      return { call: (limit) => client.crm.contacts.basicApi.getPage(limit), close: () => httpAgent.destroy() };
    },
  },

  badgateway: {
    label: "@badgateway/oauth2-client",
    refreshes: "yes: when expired, and after any 401",
    create: ({ origin }) => {
      const client = new BadgatewayClient({
        server: origin,
        clientId: CLIENT_ID,
        clientSecret: CLIENT_SECRET,
        tokenEndpoint: "/oauth/v1/token",
      });
      const wrapper = new OAuth2Fetch({
        client,
        getNewToken: () => null,
        getStoredToken: () => ({ accessToken: ACCESS_TOKEN, refreshToken: "bench-refresh-token", expiresAt: EXPIRES_AT_MS }),
      });
      return { call: async (limit) => (await wrapper.fetch(`${origin}${PATH}?limit=${limit}`)).json(), close() {} };
    },
  },

  google: {
    label: "google-auth-library",
    refreshes: "yes: 5 minutes ahead, and after a 401 or 403",
    create: ({ origin }) => {
      const agent = new HttpAgent({ keepAlive: true });
      const client = new GoogleClient({
        clientId: CLIENT_ID,
        clientSecret: CLIENT_SECRET,
        endpoints: { oauth2TokenUrl: `${origin}/oauth/v1/token` },
        transporterOptions: { agent },
      });
      client.setCredentials({ access_token: ACCESS_TOKEN, refresh_token: "bench-refresh-token", expiry_date: EXPIRES_AT_MS });
      return {
        call: async (limit) => (await client.request({ url: `${origin}${PATH}?limit=${limit}` })).data,
        close: () => agent.destroy(),
      };
    },
  },

  "openid-client": {
    label: "openid-client",
    refreshes: "no",
    create: ({ origin }) => {
      const config = new openid.Configuration(
        { issuer: origin, token_endpoint: `${origin}/oauth/v1/token` },
        CLIENT_ID,
        undefined,
        openid.ClientSecretPost(CLIENT_SECRET),
      );
      openid.allowInsecureRequests(config); // Loopback without TLS.
      const read = (limit) => openid.fetchProtectedResource(config, ACCESS_TOKEN, new URL(`${PATH}?limit=${limit}`, origin), "GET");
      return { call: async (limit) => (await read(limit)).json(), close() {} };
    },
  },

  oauth4webapi: {
    label: "oauth4webapi",
    refreshes: "no",
    create: ({ origin }) => {
      const options = { [oauth4webapi.allowInsecureRequests]: true }; // Loopback without TLS.
      const read = (limit) =>
        oauth4webapi.protectedResourceRequest(
          ACCESS_TOKEN,
          "GET",
          new URL(`${PATH}?limit=${limit}`, origin),
          undefined,
          undefined,
          options,
        );
      return { call: async (limit) => (await read(limit)).json(), close() {} };
    },
  },

  "simple-oauth2": {
    label: "simple-oauth2 + fetch",
    refreshes: "no: expired() and refresh(), called by hand",
    create: ({ origin }) => {
      const client = new AuthorizationCode({ client: { id: CLIENT_ID, secret: CLIENT_SECRET }, auth: { tokenHost: origin } });
      let accessToken = client.createToken({
        access_token: ACCESS_TOKEN,
        refresh_token: "bench-refresh-token",
        expires_at: new Date(EXPIRES_AT_MS),
      });
      return {
        call: async (limit) => {
          if (accessToken.expired()) accessToken = await accessToken.refresh();
          const headers = { authorization: `Bearer ${String(accessToken.token.access_token)}` };
          return (await fetch(`${origin}${PATH}?limit=${limit}`, { headers })).json();
        },
        close() {},
      };
    },
  },
};

/**
 * The limiter of HubSpot's SDK with the settings its README calls the default; it is off unless `limiterOptions` is given. The client built
 * last decides for the whole process, so this one must be the last.
 */
export function limitedHubSpotClient(origin) {
  const limiterOptions = { minTime: 1_000 / 9, maxConcurrent: 6, id: "hubspot-client-limiter" };
  const client = new HubSpotClient({ accessToken: ACCESS_TOKEN, basePath: origin, limiterOptions });
  return { call: (limit) => client.crm.contacts.basicApi.getPage(limit) };
}
