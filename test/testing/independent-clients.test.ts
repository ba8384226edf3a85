/** OAuth clients that know nothing of this project walk the whole way against the emulator: what they accept is what HubSpot would send. */
import { Client as HubSpotClient13 } from "@hubspot/api-client";
import { Client as HubSpotClient14 } from "hubspot-api-client-14";
import * as oauth4webapi from "oauth4webapi";
import { AuthorizationCode } from "simple-oauth2";
import { expect, onTestFinished, test } from "vitest";
import { type LoopbackHubSpotEmulator, startHubSpotEmulator } from "../../src/testing/index.js";

const SCOPE = "crm.objects.contacts.read";

async function emulate(): Promise<{ emulator: LoopbackHubSpotEmulator; clientId: string; clientSecret: string; redirectUri: string }> {
  // HubSpot's own client still asks v1, whatever the day is on which this runs.
  const emulator = await startHubSpotEmulator({ v1Sunset: false });
  onTestFinished(() => emulator.close());
  const { clientId, clientSecret, redirectUri } = emulator.clientOptions();
  return { emulator, clientId, clientSecret, redirectUri };
}

/** Reads contacts with a plain fetch, as an application does that only has a token. */
async function contactIds(emulator: LoopbackHubSpotEmulator, accessToken: string | undefined): Promise<string[]> {
  const response = await fetch(`${emulator.origin}/crm/v3/objects/contacts?limit=3`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  return ((await response.json()) as { results: { id: string }[] }).results.map(({ id }) => id);
}

function expectWholeWay(emulator: LoopbackHubSpotEmulator, path: string): void {
  expect(emulator.requests.map(({ path: at, status, form }) => [at, status, form?.["grant_type"]])).toEqual([
    [path, 200, "authorization_code"],
    [path, 200, "refresh_token"],
    ["/crm/v3/objects/contacts", 200, undefined],
  ]);
}

test("oauth4webapi, with PKCE and a state", async () => {
  const { emulator, clientId, clientSecret, redirectUri } = await emulate();
  const server: oauth4webapi.AuthorizationServer = {
    issuer: emulator.origin,
    authorization_endpoint: `${emulator.origin}/oauth/authorize`,
    token_endpoint: `${emulator.origin}/oauth/2026-09/token`,
  };
  const client: oauth4webapi.Client = { client_id: clientId };
  const secret = oauth4webapi.ClientSecretPost(clientSecret);
  // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out; the emulator speaks http.
  const options = { [oauth4webapi.allowInsecureRequests]: true };
  const verifier = oauth4webapi.generateRandomCodeVerifier();
  const state = oauth4webapi.generateRandomState();
  const url = new URL(server.authorization_endpoint ?? "");
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: SCOPE,
    state,
    code_challenge: await oauth4webapi.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }).toString();
  const callback = new URL(await emulator.authorize(url));
  const parameters = oauth4webapi.validateAuthResponse(server, client, callback, state);
  const exchanged = await oauth4webapi.authorizationCodeGrantRequest(server, client, secret, parameters, redirectUri, verifier, options);
  const tokens = await oauth4webapi.processAuthorizationCodeResponse(server, client, exchanged);
  expect([tokens.token_type, tokens.expires_in]).toEqual(["bearer", 1800]);
  const refreshing = await oauth4webapi.refreshTokenGrantRequest(server, client, secret, tokens.refresh_token ?? "", options);
  const refreshed = await oauth4webapi.processRefreshTokenResponse(server, client, refreshing);
  expect(refreshed.access_token).not.toBe(tokens.access_token);
  expect(await contactIds(emulator, refreshed.access_token)).toHaveLength(3);
  expectWholeWay(emulator, "/oauth/2026-09/token");
});

test("simple-oauth2", async () => {
  const { emulator, clientId, clientSecret, redirectUri } = await emulate();
  const client = new AuthorizationCode({
    client: { id: clientId, secret: clientSecret },
    auth: { tokenHost: emulator.origin, tokenPath: "/oauth/2026-03/token", authorizePath: "/oauth/authorize" },
    options: { authorizationMethod: "body" },
  });
  const url = client.authorizeURL({ redirect_uri: redirectUri, scope: SCOPE, state: "s" });
  const callback = new URL(await emulator.authorize(url));
  expect(callback.searchParams.get("state")).toBe("s");
  const exchanged = await client.getToken({ code: callback.searchParams.get("code") ?? "", redirect_uri: redirectUri });
  expect(exchanged.expired()).toBe(false);
  const refreshed = await exchanged.refresh();
  expect(refreshed.token["access_token"]).not.toBe(exchanged.token["access_token"]);
  expect(await contactIds(emulator, String(refreshed.token["access_token"]))).toHaveLength(3);
  expectWholeWay(emulator, "/oauth/2026-03/token");
});

test.each([
  ["13", HubSpotClient13],
  ["14", HubSpotClient14 as unknown as typeof HubSpotClient13],
])("@hubspot/api-client %s", async (_, Client) => {
  const { emulator, clientId, clientSecret, redirectUri } = await emulate();
  const client = new Client({ basePath: emulator.origin });
  const callback = new URL(await emulator.authorize(client.oauth.getAuthorizationUrl(clientId, redirectUri, SCOPE)));
  const code = callback.searchParams.get("code") ?? "";
  const tokens = await client.oauth.tokensApi.create("authorization_code", code, redirectUri, clientId, clientSecret);
  const refreshed = await client.oauth.tokensApi.create("refresh_token", undefined, undefined, clientId, clientSecret, tokens.refreshToken);
  expect([refreshed.accessToken === tokens.accessToken, refreshed.expiresIn]).toEqual([false, 1800]);
  client.setAccessToken(refreshed.accessToken);
  const page = await client.crm.contacts.basicApi.getPage(3);
  expect(page.results.map(({ properties }) => properties["email"])).toHaveLength(3);
  expectWholeWay(emulator, "/oauth/v1/token");
});
