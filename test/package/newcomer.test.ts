/**
 * The README as a newcomer follows it: an empty folder, the package installed, the quick start saved as it stands and run. Then every other
 * block, in the order of the README, each with what its section takes for granted; and at the end, with the client made by `fromEnv`, the
 * newcomer's own app on the emulator.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { blocksOf } from "../support/markdown.js";
import { hasPostgres, startPostgres } from "../support/servers/postgres.js";
import { run } from "./command.js";
import { node24 } from "./node-versions.js";

const blocks = blocksOf(await readFile(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8"));

function blockOf(heading: string, language: string): string {
  const found = blocks.filter((block) => block.heading === heading && block.language === language);
  expect(found, `blocks of "${heading}"`).toHaveLength(1);
  return found[0]?.code ?? "";
}

/** Walks the app as a browser would, with the emulator as HubSpot, and ends everything it began. */
const WALK = `
  import { once } from "node:events";
  import { startHubSpotEmulator } from "hubspot-oauth/testing";

  const redirectUri = "http://localhost:3000/oauth/callback";
  const emulator = await startHubSpotEmulator({ app: { redirectUris: [redirectUri] } });
  const { clientId, clientSecret } = emulator.app;
  Object.assign(process.env, {
    PORT: "0", HUBSPOT_CLIENT_ID: clientId, HUBSPOT_CLIENT_SECRET: clientSecret, HUBSPOT_REDIRECT_URI: redirectUri,
    HUBSPOT_SCOPES: "crm.objects.contacts.read", HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin, HUBSPOT_API_ORIGIN: emulator.origin,
  });
  const { server, oauth } = await import("./app-on-emulator.mjs");
  if (!server.listening) await once(server, "listening");
  const visit = (path, cookie = "") => fetch("http://localhost:" + server.address().port + path, { redirect: "manual", headers: { cookie } });
  const connecting = await visit("/connect");
  const callback = new URL(await emulator.authorize(connecting.headers.get("location")));
  const back = await visit(callback.pathname + callback.search, connecting.headers.getSetCookie()[0].split(";")[0]);
  const page = await (await visit(back.headers.get("location"))).json();
  console.log(page.results.length + " contacts of account " + emulator.grants[0].hubId);
  await oauth.close();
  server.close();
  server.closeAllConnections();
  await emulator.close();
`;

/** What the sections of the README take for granted, made anew for each block: a connected account, a callback, a file, an app's options. */
const WORLD = `
  import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
  import { startHubSpotEmulator } from "hubspot-oauth/testing";
  import { z } from "zod";

  export async function enter() {
    const emulator = await startHubSpotEmulator();
    const options = { ...emulator.clientOptions(), tokenStore: new MemoryTokenStore() };
    const oauth = new HubSpotOAuthClient(options);
    const { accountId } = await emulator.connect(oauth);
    const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings" });
    Object.assign(globalThis, {
      options, oauth, accountId, sessionId: "a session", file: "contacts.json", sdkOptions: { basePath: emulator.origin },
      Contact: z.object({ id: z.string() }), hubspot: new HubSpotHttp({ credential: oauth.account(accountId) }),
      request: { url: await emulator.authorize(url), headers: { cookie: cookie.split(";")[0] } },
      row: { refresh_token: emulator.grants[0].refreshToken },
    });
    return async () => {
      await oauth.close();
      await emulator.close();
    };
  }
`;

let cwd = "";
beforeAll(async () => {
  cwd = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-newcomer-"));
  await run("npm", ["init", "--yes"], { cwd });
  const others = ["zod", "pg", "@hubspot/api-client@13"]; // What blocks import beside it.
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", inject("tarball"), ...others], { cwd });
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

it.skipIf(node24.skipped || !hasPostgres())("runs every block of the README in its order", async () => {
  const rest = blocks.filter(({ language, heading }) => language === "ts" && heading !== "Quick start");
  expect(rest.length).toBeGreaterThan(8);
  await writeFile(join(cwd, "world.mjs"), WORLD);
  const lines = await Promise.all(
    rest.map(async ({ code, heading }, index) => {
      await writeFile(join(cwd, `block-${index}.mts`), code);
      return `{ const leave = await enter(); await import("./block-${index}.mts"); await leave(); console.log(${JSON.stringify(`ran ${heading}`)}); }`;
    }),
  );
  // A block may leave a pool open, as its app would.
  await writeFile(join(cwd, "blocks.mjs"), `import { enter } from "./world.mjs";\n${lines.join("\n")}\nprocess.exit();\n`);
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const env = { DATABASE_URL: postgres.url, TOKEN_KEY: randomBytes(32).toString("base64") };
  const printed = await run(node24.binary, ["blocks.mjs"], { cwd, env });
  expect(printed.split("\n").filter((line) => line.startsWith("ran "))).toEqual(rest.map(({ heading }) => `ran ${heading}`));
});

it("starts, tests and runs on the emulator, as the README says it", async () => {
  expect(blockOf("Quick start", "sh"), "what was installed").toBe("npm install hubspot-oauth");
  const app = blockOf("Quick start", "ts");
  await writeFile(join(cwd, "app.mjs"), `${app}\nserver.close();\nawait oauth.close();\n`);
  expect(await run("node", ["app.mjs"], { cwd, env: { HUBSPOT_CLIENT_ID: "my-app", HUBSPOT_CLIENT_SECRET: "secret", PORT: "0" } })).toBe(
    "",
  );

  const [, options = ""] = /new HubSpotOAuthClient\((\{[^]*?\n\})\);/.exec(app) ?? [];
  const own = `import { MemoryTokenStore } from "hubspot-oauth";\nexport const options = ${options};\n`;
  await writeFile(join(cwd, "options.mjs"), own);
  await writeFile(join(cwd, "app.test.mjs"), `import { options } from "./options.mjs";\n${blockOf("Testing your app", "ts")}\n`);
  const env = { HUBSPOT_CLIENT_ID: "my-app", HUBSPOT_CLIENT_SECRET: "a-secret-of-my-app" };
  expect(await run("node", ["app.test.mjs"], { cwd, env })).toBe("1 refresh\n");

  const fromEnv = app.replace(`new HubSpotOAuthClient(${options})`, "HubSpotOAuthClient.fromEnv({ tokenStore: new MemoryTokenStore() })");
  expect(fromEnv).not.toBe(app);
  await writeFile(join(cwd, "app-on-emulator.mjs"), `${fromEnv}\nexport { oauth, server };\n`);
  await writeFile(join(cwd, "walk.mjs"), WALK);
  expect(await run("node", ["walk.mjs"], { cwd })).toBe("10 contacts of account 24681012\n");
});
