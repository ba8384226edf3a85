/** A process with a client ends by itself: after `close()`, after `await using`, and without either. HubSpot is in another process. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { HubSpotOAuthClient, MemoryTokenStore } from "../../src/index.js";
import { startHubSpotEmulator } from "../../src/testing/index.js";
import { run } from "./command.js";

const SET_UP = `
  import { randomBytes } from "node:crypto";
  import { subscribe } from "node:diagnostics_channel";
  import { once } from "node:events";
  import { HubSpotHttp, HubSpotOAuthClient } from "hubspot-oauth";
  import { EncryptedTokenStore } from "hubspot-oauth/stores/encrypted";
  import { FileTokenStore } from "hubspot-oauth/stores/file";

  const sockets = [];
  subscribe("net.client.socket", ({ socket }) => sockets.push(socket));
  const store = new FileTokenStore({ directory: process.env.DIRECTORY });
  const tokenStore = new EncryptedTokenStore({ store, keys: [{ id: "1", key: randomBytes(32).toString("base64") }] });
  const events = [];
  const oauth = HubSpotOAuthClient.fromEnv({ tokenStore, onEvent: ({ type }) => events.push(type) });
  const { accountId } = await oauth.saveTokens({ refreshToken: process.env.REFRESH_TOKEN });
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  await Promise.all(Array.from({ length: 5 }, () => hubspot.get("/crm/v3/objects/contacts")));
`;

/** What is left when everything is closed, besides the pipes to this process. A socket that stays open ends the process with status 13. */
const LEFT = `
  if (sockets.length === 0) throw new Error("No connection was seen");
  await Promise.all(sockets.map((socket) => socket.destroyed || once(socket, "close")));
  const left = process.getActiveResourcesInfo().filter((name) => !/^(?:PipeWrap|TTYWrap|Immediate)$/.test(name));
  console.log(JSON.stringify({ left, events: events.filter((type) => type.startsWith("refresh.succeeded")).length }));
`;

it.each([
  [
    "close(), a refresh under way",
    `const refresh = oauth.getAccessToken(accountId, { force: true }); await oauth.close(); await refresh; ${LEFT}`,
    { left: [], events: 2 },
  ],
  ["await using, as it is compiled", `await oauth[Symbol.asyncDispose](); ${LEFT}`, { left: [], events: 1 }],
  [
    "neither, in the middle of everything",
    `console.log(JSON.stringify({ open: sockets.some(({ destroyed }) => !destroyed) }));`,
    { open: true },
  ],
])("%s: the process ends by itself", async (_, end, expected) => {
  const directory = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-shutdown-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await using emulator = await startHubSpotEmulator();
  const client = new HubSpotOAuthClient({ ...emulator.clientOptions(), tokenStore: new MemoryTokenStore() });
  await emulator.connect(client);
  await client.close();
  const refreshToken = emulator.grants[0]?.refreshToken ?? "";
  const { clientId, clientSecret, redirectUris } = emulator.app;
  const env = {
    ...{ DIRECTORY: directory, REFRESH_TOKEN: refreshToken, HUBSPOT_CLIENT_ID: clientId, HUBSPOT_CLIENT_SECRET: clientSecret },
    ...{ HUBSPOT_REDIRECT_URI: redirectUris[0] ?? "", HUBSPOT_SCOPES: "crm.objects.contacts.read" },
    ...{ HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, HUBSPOT_API_ORIGIN: emulator.origin },
  };
  const output = await run("node", ["--input-type=module", "-e", SET_UP + end], { cwd: inject("consumers"), env });
  expect(JSON.parse(output)).toEqual(expected);
});
