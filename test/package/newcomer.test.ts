/**
 * The README's quick start as a newcomer meets it: an empty folder, the package installed, the block saved as it stands and run. Then the
 * block about tests; and at the end, with the client made by `fromEnv`, the newcomer's own app on the emulator.
 */
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, it, onTestFinished } from "vitest";
import { blocksOf } from "../support/markdown.js";
import { run } from "./command.js";

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

it("installs, starts, tests and runs on the emulator, as the README says it", async () => {
  const cwd = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-newcomer-"));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  await run("npm", ["init", "--yes"], { cwd });
  expect(blockOf("Quick start", "sh")).toBe("npm install hubspot-oauth");
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", inject("tarball")], { cwd });

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
