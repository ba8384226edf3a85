/**
 * What the code blocks of README.md and docs/ find around them: a client with a connected account, a callback. HubSpot's API origin
 * leads to an emulator, and every other host to an error.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { AuthorizationCode } from "simple-oauth2";
import { z } from "zod";
import { HubSpotHttp, HubSpotOAuthClient, type HubSpotOAuthClientOptions, MemoryTokenStore } from "../../src/index.js";
import { connect, emulate, type Emulator } from "./setup.js";

/** The names a block may use without declaring them. */
export interface ReadmeWorld {
  readonly emulator: Emulator;
  readonly options: Omit<HubSpotOAuthClientOptions, "accountId">;
  readonly oauth: HubSpotOAuthClient;
  readonly accountId: string;
  readonly sessionId: string;
  /** The application's own user, and what it does with accounts. */
  readonly user: { readonly id: string; readonly sessionId: string; accountIds: string[] };
  readonly findUser: (request: Request) => Promise<ReadmeWorld["user"] | undefined>;
  readonly saveAccount: (context: unknown, accountId: string) => Promise<void>;
  readonly forgetAccount: (accountId: string) => Promise<void>;
  /** The request at the callback; a test may put another one here. */
  request: { readonly url: string; readonly headers: { readonly cookie: string | undefined } };
  readonly row: { readonly refresh_token: string };
  /** The table of an application that kept tokens itself; empty until a test fills it. */
  readonly rows: { readonly id: string; readonly refresh_token: string }[];
  readonly askToReconnect: (id: string) => void;
  /** Ids of the rows that `askToReconnect` was called for. */
  readonly asked: readonly string[];
  /** What simple-oauth2 made of HubSpot's answer. */
  readonly token: { readonly token: { readonly access_token: string; readonly refresh_token: string; readonly expires_at: Date } };
  readonly hubspot: HubSpotHttp;
  readonly Contact: z.ZodType<{ id: string }>;
  /** A path to write to. */
  readonly file: string;
  readonly sdkOptions: { readonly basePath: string };
}

let world: ReadmeWorld | undefined;

/** The world of the block that is being run: what the first line of each calls. */
export function currentWorld(): ReadmeWorld {
  if (world === undefined) throw new Error("No block is being run");
  return world;
}

/** Makes a new world; it ends with the test. */
export async function enterWorld(): Promise<void> {
  const emulator = await emulate({ app: { redirectUris: ["http://localhost:3000/oauth/callback"] } });
  const realFetch = globalThis.fetch;
  vi.stubGlobal("fetch", (input: string | URL, init?: RequestInit) => {
    const url = new URL(input);
    if (url.origin === "https://api.hubapi.com") return realFetch(new URL(url.pathname + url.search, emulator.origin), init);
    if (url.hostname === "127.0.0.1" || url.hostname === "localhost") return realFetch(url, init);
    throw new Error(`A block of the README called ${url.origin}`);
  });
  const options = {
    clientId: emulator.app.clientId,
    clientSecret: emulator.app.clientSecret,
    redirectUri: "http://localhost:3000/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
  };
  const oauth = new HubSpotOAuthClient(options);
  onTestFinished(() => oauth.close());
  const accountId = await connect(oauth, emulator);
  const folder = await mkdtemp(join(tmpdir(), "hubspot-oauth-readme-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings" });
  const user: ReadmeWorld["user"] = { id: "u-1", sessionId: "a session of u-1", accountIds: [] };
  const refreshToken = emulator.grants[0]?.refreshToken ?? "";
  const asked: string[] = [];
  world = {
    emulator,
    options,
    oauth,
    accountId,
    sessionId: "a session",
    user,
    findUser: async () => user,
    saveAccount: async (_context, id) => void user.accountIds.push(id),
    forgetAccount: async (id) => void (user.accountIds = user.accountIds.filter((known) => known !== id)),
    request: { url: await emulator.authorize(url), headers: { cookie: cookie?.split(";")[0] } },
    row: { refresh_token: refreshToken },
    rows: [],
    askToReconnect: (id) => void asked.push(id),
    asked,
    token: tokenOfSimpleOAuth2(refreshToken, emulator.accessTokens[0]?.token ?? ""),
    hubspot: new HubSpotHttp({ credential: oauth.account(accountId) }),
    Contact: z.object({ id: z.string() }),
    file: join(folder, "contacts.json"),
    sdkOptions: { basePath: emulator.origin },
  };
  onTestFinished(() => void (world = undefined));
}

/** The library's own object, so that what the document says of its members is what they are. */
function tokenOfSimpleOAuth2(refreshToken: string, accessToken: string): ReadmeWorld["token"] {
  const client = new AuthorizationCode({ client: { id: "a", secret: "b" }, auth: { tokenHost: "https://api.hubapi.com" } });
  const answer = { access_token: accessToken, refresh_token: refreshToken, expires_in: 1_800, token_type: "bearer" };
  return client.createToken(answer) as unknown as ReadmeWorld["token"];
}
