// @ts-check
/**
 * `npm run example:worker`: four processes of one app call HubSpot for 50 accounts while the access tokens of all of them end. They share a
 * store and nothing else, and each account is refreshed once. Over Redis; with `--postgres` over PostgreSQL.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startHubSpotEmulator } from "hubspot-oauth/testing";
import { openClient } from "./client.mjs";
import { localServer } from "./local-server.mjs";

const PROCESSES = 4;
const ACCOUNTS = 50;
const SECONDS = 6;

// Ctrl-C ends the workers and the server as well: they go with this process.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

const server = await localServer(process.argv.includes("--postgres") ? "postgres" : "redis");
if (server === undefined) process.exit(1);

// HubSpot, emulated: it replaces a refresh token at each refresh and ends the connection when an old one comes again.
const emulator = await startHubSpotEmulator({
  app: { redirectUris: ["http://localhost:3000/oauth/callback"] },
  accounts: Array.from({ length: ACCOUNTS }, () => ({})),
  refreshTokenRotation: "strict",
  accessTokenLifetimeSeconds: SECONDS - 2, // the first tokens end while the workers run
});
const env = {
  ...server.env,
  HUBSPOT_CLIENT_ID: emulator.app.clientId,
  HUBSPOT_CLIENT_SECRET: emulator.app.clientSecret,
  HUBSPOT_REDIRECT_URI: emulator.app.redirectUris[0],
  HUBSPOT_SCOPES: "crm.objects.contacts.read",
  HUBSPOT_ORIGIN: emulator.origin,
  NAMESPACE: `example-worker-${process.pid}`,
  SECONDS: String(SECONDS),
};
const client = await openClient(env);
const { oauth } = client;

/** @type {import("node:child_process").ChildProcess[]} */
const workers = [];
try {
  console.log(`${ACCOUNTS} customers connect.`);
  for (const { hubId } of emulator.accounts) {
    const { url, cookie } = await oauth.createAuthorization();
    await oauth.completeAuthorization({ url: await emulator.authorize(url, { hubId }), cookie: cookie?.split(";")[0] });
  }
  emulator.settings.accessTokenLifetimeSeconds = 1_800;

  console.log(`${PROCESSES} processes call for all of them, for ${SECONDS} seconds, over ${server.name}.\n`);
  const script = fileURLToPath(new URL("worker.mjs", import.meta.url));
  for (let index = 0; index < PROCESSES; index++) workers.push(fork(script, { env: { ...process.env, ...env } }));
  const reports = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));

  console.table(reports);
  const refreshes = emulator.count({ route: "token", grantType: "refresh_token" });
  console.log(`HubSpot saw ${refreshes} refreshes for ${ACCOUNTS} accounts.`);
  const isRight = refreshes === ACCOUNTS && reports.every(({ errors }) => errors === 0);
  process.exitCode = isRight ? 0 : 1;
} finally {
  for (const worker of workers) worker.kill();
  // What this example has put into your store, it takes out again.
  for await (const { accountId } of oauth.accounts()) await oauth.disconnect(accountId);
  await client.close();
  await emulator.close();
  await server.stop();
}
