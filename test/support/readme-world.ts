/**
 * What the code blocks of README.md find around them: a client with a connected account, a callback, a database. HubSpot's API origin
 * leads to an emulator, and every other host to an error.
 */
import { onTestFinished, vi } from "vitest";
import { HubSpotOAuthClient, type HubSpotOAuthClientOptions, MemoryTokenStore, type StoredTokens } from "../../src/index.js";
import { connect, emulate, type Emulator } from "./setup.js";

/** The names a block may use without declaring them. */
export interface ReadmeWorld {
  readonly emulator: Emulator;
  readonly options: Omit<HubSpotOAuthClientOptions, "accountId">;
  readonly oauth: HubSpotOAuthClient;
  readonly accountId: string;
  readonly sessionId: string;
  /** The request at the callback; a test may put another one here. */
  request: { readonly url: string; readonly headers: { readonly cookie: string | undefined } };
  readonly row: { readonly refresh_token: string };
  readonly pool: PoolLike;
}

/** As much of a `Pool` of `pg` as a store needs. */
interface PoolLike {
  query(text: string, values: readonly unknown[]): Promise<{ rows: { record: StoredTokens }[]; rowCount: number | null }>;
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
  const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings" });
  world = {
    emulator,
    options,
    oauth,
    accountId,
    sessionId: "a session",
    request: { url: await emulator.authorize(url), headers: { cookie: cookie?.split(";")[0] } },
    row: { refresh_token: emulator.grants[0]?.refreshToken ?? "" },
    pool: tokenTable(),
  };
  onTestFinished(() => void (world = undefined));
}

/** The table of the README's store: knows its statements and no others, and does what PostgreSQL does with them. */
function tokenTable(): PoolLike {
  const table = new Map<string, { readonly version: unknown; readonly json: string }>();
  type Statement = (id: string, values: readonly unknown[]) => number;
  const put = (id: string, [, version, record]: readonly unknown[]): number => {
    table.set(id, { version, json: JSON.stringify(record) });
    return 1;
  };
  const statements: Readonly<Record<string, Statement>> = {
    "select record from hubspot_tokens where account_id = $1": (id) => (table.has(id) ? 1 : 0),
    "insert into hubspot_tokens values ($1, $2, $3) on conflict (account_id) do nothing": (id, values) =>
      table.has(id) ? 0 : put(id, values),
    "insert into hubspot_tokens values ($1, $2, $3) on conflict (account_id) do update set version = $2, record = $3": put,
    "update hubspot_tokens set version = $2, record = $3 where account_id = $1 and version = $4": (id, values) =>
      table.get(id)?.version === values[3] ? put(id, values) : 0,
    "delete from hubspot_tokens where account_id = $1 and version = coalesce($2, version)": (id, values) =>
      table.get(id)?.version === (values[1] ?? table.get(id)?.version) && table.delete(id) ? 1 : 0,
  };
  return {
    query: async (text, values) => {
      const id = values[0] as string;
      const rowCount = statements[text]?.(id, values);
      if (rowCount === undefined) throw new Error(`The table of this test does not know: ${text}`);
      const json = text.startsWith("select") ? table.get(id)?.json : undefined;
      return { rows: json === undefined ? [] : [{ record: JSON.parse(json) as StoredTokens }], rowCount };
    },
  };
}
