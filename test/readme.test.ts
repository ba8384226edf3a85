/**
 * The documents keep their word: every TypeScript block of README.md and docs/ compiles in strict mode and runs against the emulator, every
 * command, link and anchor exists, and the lists of errors and events are complete. A block without an entry in `runs` fails here.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import * as library from "../src/index.js";
import type { HubSpotOAuthClient, StateStore, StoredTokens, TokenStore } from "../src/index.js";
import { anchorsOf, blocksOf, linksOf, proseOf, sectionOf, tableRowsOf } from "./support/markdown.js";
import { connectingRuns, type Run } from "./support/connecting-runs.js";
import { emulatorRuns } from "./support/emulator-runs.js";
import { migratingRuns } from "./support/migrating-runs.js";
import { currentWorld, enterWorld, type ReadmeWorld } from "./support/readme-world.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
const documents = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
].filter((path) => path.endsWith(".md"));
const code = documents.flatMap((path) => blocksOf(read(path))).filter(({ language }) => /^(?:ts|tsx|typescript)$/.test(language));

const runs: readonly Run[] = [
  {
    block: "Quick start",
    gives: "server, oauth",
    before: ({ options }) => {
      vi.stubEnv("HUBSPOT_CLIENT_ID", options.clientId);
      vi.stubEnv("HUBSPOT_CLIENT_SECRET", options.clientSecret);
      vi.stubEnv("PORT", "0");
    },
    check: (given, { emulator }) => walkQuickStart(given["server"] as Server, given["oauth"] as HubSpotOAuthClient, emulator),
  },
  {
    block: "Connect",
    finds: "oauth",
    gives: "url, cookie",
    check: ({ url, cookie }) => {
      expect(url).toMatch(/^https:\/\/app\.hubspot\.com\/oauth\/authorize\?.*&optional_scope=crm\.objects\.deals\.read&/);
      expect(cookie).toMatch(/HttpOnly/);
    },
  },
  {
    block: "Take the callback",
    when: "granted",
    finds: "oauth, request",
    check: (_, { accountId }, printed) => expect(printed).toEqual([`connected ${accountId}, goes on to /settings`]),
  },
  {
    block: "Take the callback",
    when: "denied",
    finds: "oauth, request",
    before: async (world) => {
      const { url, cookie } = await world.oauth.createAuthorization({ returnTo: "/settings" });
      const callback = await world.emulator.authorize(url, { decision: "deny" });
      world.request = { url: callback, headers: { cookie: cookie?.split(";")[0] } };
    },
    check: (_given, _world, printed) => expect(printed).toEqual(["authorization_denied, goes back to /settings"]),
  },
  {
    block: "Call HubSpot, or get a token for another client",
    finds: "oauth, accountId",
    gives: "page, accessToken, next",
    check: ({ page, accessToken, next }, { emulator }) => {
      expect((page as { results: unknown[] }).results).toHaveLength(10);
      expect(emulator.accessTokens.map(({ token }) => token)).toEqual([accessToken, next]);
    },
  },
  {
    block: "Lists, files, and clients of other makers",
    finds: "oauth, accountId, hubspot, Contact, file, sdkOptions",
    gives: "ids, response, page",
    check: async ({ ids, response, page }, { file }) => {
      expect(new Set(ids as string[]).size, "each contact of all pages, once").toBe(25);
      expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ results: expect.any(Array) as unknown[] });
      expect((response as Response).status).toBe(200);
      expect((page as { results: unknown[] }).results).toHaveLength(2);
    },
  },
  {
    block: "Ask for more scopes",
    finds: "oauth, accountId, sessionId",
    check: (_, { accountId }, printed) => {
      expect(printed).toHaveLength(1);
      const { pathname, searchParams } = new URL(printed[0]?.replace("send the user to ", "") ?? "");
      expect(pathname).toBe(`/oauth/${accountId}/authorize`);
      expect(searchParams.get("scope")).toBe("crm.objects.contacts.read crm.objects.deals.read");
    },
  },
  {
    block: "Look at what is connected, and disconnect",
    finds: "oauth, accountId",
    gives: "account, revoked, errors",
    before: async ({ oauth, emulator }) => {
      await oauth.saveTokens({ refreshToken: "nobody-honours-this", hubId: "4242", scopes: ["oauth"] });
      await expect(oauth.getAccessToken("4242")).rejects.toThrow(library.ReauthorizationRequiredError);
      emulator.clearRequests();
    },
    check: async ({ account, revoked, errors }, { accountId, oauth, emulator }, printed) => {
      expect(account).toMatchObject({ accountId, status: "active" });
      expect(printed).toEqual(["4242 must be connected again: BAD_REFRESH_TOKEN"]);
      expect([revoked, errors, emulator.count("revoke")]).toEqual([true, [], 1]);
      expect(await oauth.getAccount(accountId)).toBeUndefined();
    },
  },
  {
    block: "Bring tokens from elsewhere, or take them along",
    finds: "oauth, row",
    gives: "accountId, tokens, plain",
    before: ({ oauth, accountId }) => oauth.disconnect(accountId, { revoke: false }).then(() => undefined),
    check: async ({ accountId, tokens, plain }, world) => {
      expect(accountId).toBe(world.accountId);
      expect(await world.oauth.getAccount(world.accountId)).toMatchObject({ scopes: expect.arrayContaining(["oauth"]) as string[] });
      expect(plain).toMatchObject({ accessToken: world.emulator.accessTokens.at(-1)?.token, refreshToken: world.row.refresh_token });
      expect(JSON.stringify(tokens)).not.toContain((plain as { accessToken: string }).accessToken);
    },
  },
  {
    block: "Several users or apps",
    finds: "options",
    gives: "perTenant",
    check: async ({ perTenant }, { emulator }) => {
      const oauth = perTenant as HubSpotOAuthClient<{ tenant: string }>;
      onTestFinished(() => oauth.close());
      const { url } = await oauth.createAuthorization({ context: { tenant: "t-42" }, binding: "b" });
      const done = await oauth.completeAuthorization({ url: await emulator.authorize(url), binding: "b" });
      const { hubId, users } = emulator.accounts[0] ?? { hubId: 0, users: [] };
      expect(done.accountId).toBe(`t-42:${hubId}:${users[0]?.userId}`);
    },
  },
  {
    block: "Stores",
    needs: "postgresUrl",
    gives: "pool, tokenStore, stateStore",
    before: () => {
      vi.stubEnv("DATABASE_URL", inject("postgresUrl"));
      vi.stubEnv("TOKEN_KEY", randomBytes(32).toString("base64"));
    },
    check: async (given, world) => {
      const { pool, tokenStore, stateStore } = given as { pool: Pool; tokenStore: TokenStore; stateStore: StateStore };
      onTestFinished(() => pool.end());
      await useStore(tokenStore, world);
      expect(await stateStore.consume("a", { ttlMs: 60_000 })).toBe(true);
      expect(await stateStore.consume("a", { ttlMs: 60_000 })).toBe(false);
    },
  },
  {
    block: "Testing your app",
    finds: "options",
    check: (_given, _world, printed) => expect(printed).toEqual(["1 refresh"]),
  },
  ...connectingRuns,
  ...emulatorRuns,
  ...migratingRuns,
];

async function walkQuickStart(server: Server, oauth: HubSpotOAuthClient, emulator: ReadmeWorld["emulator"]): Promise<void> {
  if (!server.listening) await once(server, "listening");
  onTestFinished(async () => {
    await oauth.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const visit = (path: string, cookie = ""): Promise<Response> =>
    fetch(`http://localhost:${(server.address() as AddressInfo).port}${path}`, { redirect: "manual", headers: { cookie } });
  expect(await (await visit("/")).text()).toContain("/connect");
  const connecting = await visit("/connect");
  const [cookie = ""] = connecting.headers.getSetCookie();
  const callback = new URL(await emulator.authorize(connecting.headers.get("location") ?? ""));
  const refused = await visit(callback.pathname + callback.search);
  expect([refused.status, refused.headers.get("content-type")]).toEqual([400, "text/html; charset=utf-8"]);
  const done = await visit(callback.pathname + callback.search, cookie.split(";")[0]);
  expect([done.status, done.headers.get("cache-control"), done.headers.get("referrer-policy")]).toEqual([303, "no-store", "no-referrer"]);
  expect(done.headers.getSetCookie()).toEqual([expect.stringContaining("Max-Age=0")]);
  const contacts = (await (await visit(done.headers.get("location") ?? "")).json()) as { results: unknown[] };
  expect(contacts.results).toHaveLength(10);
  expect(emulator.requests.find(({ form }) => form?.["code"] === callback.searchParams.get("code"))?.path).toBe("/oauth/2026-09/token");
}

/** The contract, as far as the client relies on it, and a client at work on the store. */
async function useStore(tokenStore: TokenStore, { options, emulator }: ReadmeWorld): Promise<void> {
  const record = { version: "one", accountId: "7" } as StoredTokens;
  const two = { ...record, version: "two" };
  expect(await tokenStore.get("7")).toBeUndefined();
  expect(await tokenStore.set("7", two, { ifVersion: "one" })).toBe(false);
  expect(await tokenStore.set("7", record, { ifVersion: null })).toBe(true);
  expect(await tokenStore.set("7", two, { ifVersion: null })).toBe(false);
  expect(await tokenStore.get("7")).toEqual(record);
  expect(await tokenStore.set("7", two, { ifVersion: "one" })).toBe(true);
  expect(await tokenStore.delete("7", { ifVersion: "one" })).toBe(false);
  expect(await tokenStore.set("7", record)).toBe(true);
  expect(await tokenStore.delete("7", { ifVersion: "one" })).toBe(true);
  expect(await tokenStore.delete("7")).toBe(true);

  const events: string[] = [];
  const oauth = new library.HubSpotOAuthClient({ ...options, tokenStore, onEvent: ({ type }) => events.push(type) });
  onTestFinished(() => oauth.close());
  const { url } = await oauth.createAuthorization({ binding: "b" });
  const { accountId } = await oauth.completeAuthorization({ url: await emulator.authorize(url), binding: "b" });
  const token = await oauth.getAccessToken(accountId, { force: true });
  expect(await tokenStore.get(accountId)).toMatchObject({ accountId, accessToken: token, status: "active" });
  expect((await oauth.disconnect(accountId)).revoked).toBe(true);
  expect(await tokenStore.get(accountId)).toBeUndefined();
  expect(events).not.toContain("store.unsafe");
}

describe("code blocks", () => {
  /** What a block imports by name → the file it means here. */
  const packages: Readonly<Record<string, string>> = {
    "hubspot-oauth": join(root, "src/index.ts"),
    "hubspot-oauth/handlers/fetch": join(root, "src/handlers/fetch.ts"),
    "hubspot-oauth/handlers/node": join(root, "src/handlers/node.ts"),
    "hubspot-oauth/sdk/hubspot-api-client": join(root, "src/sdk/hubspot-api-client.ts"),
    "hubspot-oauth/stores/encrypted": join(root, "src/stores/encrypted.ts"),
    "hubspot-oauth/stores/postgres": join(root, "src/stores/postgres.ts"),
    "hubspot-oauth/testing": join(root, "src/testing/index.ts"),
  };
  const world = join(root, "test/support/readme-world.js");
  /** The block as a module. Its line n is line n of the README, counted from the fence. */
  const moduleOf = ({ block, finds, gives }: Run): string => {
    const first = finds === undefined ? "" : `import { currentWorld } from ${JSON.stringify(world)}; const { ${finds} } = currentWorld();`;
    return `${first}\n${code.find(({ heading }) => heading === block)?.code}\nexport { ${gives ?? ""} };\n`;
  };
  const lineOf = ({ block }: Run): number => code.find(({ heading }) => heading === block)?.line ?? 0;
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-readme-"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("each has a heading of its own and is run, and none of the README is in another language", () => {
    expect(blocksOf(readme).filter(({ language }) => !["ts", "sh"].includes(language))).toEqual([]);
    expect(new Set(code.map(({ heading }) => heading)).size).toBe(code.length);
    expect([...new Set(runs.map(({ block }) => block))]).toEqual(code.map(({ heading }) => heading));
  });

  it("all compile in strict mode against the sources, and so does the quick start", { timeout: 120_000 }, async () => {
    const files = runs.map((run, index) => [`block-${index}-line-${lineOf(run)}.mts`, moduleOf(run)] as const);
    await Promise.all(files.map(([name, text]) => writeFile(join(folder, name), text)));
    const compilerOptions = {
      allowJs: true,
      isolatedDeclarations: false,
      declaration: false,
      noUnusedLocals: false,
      paths: Object.fromEntries(Object.entries(packages).map(([name, path]) => [name, [path]])),
    };
    const include = [...files.map(([name]) => name), join(root, "examples/quick-start/*.mjs")];
    const project = { extends: join(root, "tsconfig.json"), compilerOptions, include };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(project));
    const tsc = promisify(execFile)(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--pretty", "false"], {
      cwd: folder,
    });
    expect(
      await tsc.then(
        () => "",
        ({ stdout }: { stdout: string }) => stdout,
      ),
    ).toBe("");
    const examples = readdirSync(join(root, "examples/quick-start"));
    expect(examples.filter((name) => !read(`examples/quick-start/${name}`).startsWith("// @ts-check\n"))).toEqual([]);
  });

  const able = runs.filter(({ needs }) => needs === undefined || inject(needs) !== undefined);
  it.each(able.map((run) => [run.block, run.when ?? "as it stands", run] as const))("%s, %s: runs", async (_block, _when, run) => {
    const file = join(folder, `run-${runs.indexOf(run)}.ts`);
    const text = moduleOf(run).replaceAll(/ from "([^"./][^"]*)"/g, (clause, name: string) => {
      const path = packages[name];
      return path === undefined ? clause : ` from ${JSON.stringify(path)}`;
    });
    await writeFile(file, text);
    const printed: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
    await enterWorld();
    const entered = currentWorld();
    await run.before?.(entered);
    const given = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
    expect(Object.keys(given).toSorted()).toEqual((run.gives?.split(", ") ?? []).toSorted());
    await run.check(given, entered, printed);
  });
});

describe("documents", () => {
  const manifest = JSON.parse(read("package.json")) as { name: string; scripts: Record<string, string> };
  /** Why a command cannot be typed, or `undefined`. */
  function problemOf(command: string): string | undefined {
    const [program, verb = "", ...args] = command.trim().split(/\s+/);
    const missing = args.filter((arg) => arg.includes("/") && !existsSync(join(root, arg)));
    if (missing.length > 0) return `${missing.join(", ")} is not there`;
    if (program === "npm" && verb === "ci" && args.length === 0) return undefined;
    if (program === "npm" && verb === "install" && args.join(" ") === manifest.name) return undefined;
    if (program === "npm" && ["start", "test", "run"].includes(verb)) {
      const script = verb === "run" ? (args[0] ?? "") : verb;
      return manifest.scripts[script] === undefined ? `there is no script ${script}` : undefined;
    }
    if (program === "npx" && verb === manifest.name) {
      const command = args.find((arg) => !/^(?:--.*|\.env|>)$/.test(arg)) ?? "";
      return existsSync(join(root, `src/cli/commands/${command}.ts`)) ? undefined : `there is no command ${command}`;
    }
    if (program === "npx" && existsSync(join(root, "node_modules/.bin", verb))) return undefined;
    if (program === "bash" && existsSync(join(root, verb))) return undefined;
    return `nobody knows the command ${command}`;
  }

  it("README.md has fewer than 300 lines, CONTRIBUTING.md fewer than 100", () => {
    expect(readme.split("\n").length - 1).toBeLessThan(300);
    expect(read("CONTRIBUTING.md").split("\n").length - 1).toBeLessThan(100);
  });

  it.each(documents)("%s: commands exist, links and anchors resolve", (path) => {
    const text = read(path);
    const commands = blocksOf(text).flatMap((block) => (block.language === "sh" ? block.code.split(/\n|&&/) : []));
    expect(commands.flatMap((command) => problemOf(command.replace(/#.*$/, "")) ?? [])).toEqual([]);
    const broken = linksOf(text).filter((link) => {
      if (link.startsWith("https://")) return false;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(documents)("%s: every file of ours that it names is there", (path) => {
    const named = [...proseOf(read(path)).matchAll(/`((?:src|test|examples|docs|tools|bench|\.ci)\/[\w./-]*)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  it("every error class stands in the table with its code, and no other", () => {
    const source = read("src/errors.ts");
    const declared = [...source.matchAll(/^export class (\w+) extends[^]*?readonly code = "(\w+)"/gm)];
    const exported = Object.entries(library)
      .filter(([name, value]) => name !== "HubSpotOAuthError" && value.prototype instanceof library.HubSpotOAuthError)
      .map(([name]) => name);
    expect(declared.map(([, name = ""]) => name).toSorted()).toEqual(exported.toSorted());
    const rows = tableRowsOf(sectionOf(readme, "Errors")).map((cells) => cells.slice(0, 2).join(" "));
    expect(rows.toSorted()).toEqual(declared.map(([, name, value]) => `\`${name}\` \`${value}\``).toSorted());
  });

  it("every event stands in the list, and no other", () => {
    const [, members = ""] = /^export interface HubSpotOAuthEvents \{\n([^]*?)^\}/m.exec(read("src/events.ts")) ?? [];
    const declared = [...members.matchAll(/^ {2}"?([a-z][\w.-]*)"?: /gm)].map(([, name = ""]) => name);
    expect(declared.length).toBeGreaterThan(10);
    const items = sectionOf(read("docs/operations.md"), "Events").replace(/^[^]*?(?=^- )/m, "");
    const listed = [...items.matchAll(/`((?:[a-z-]+\.[a-z-]+)|disconnected)`/g)].map(([, name = ""]) => name);
    expect(listed.toSorted()).toEqual(declared.toSorted());
  });
});
