/** One process's way to HubSpot's token endpoint, piece by piece: connect, write, headers, body. Each piece can fail on its own. */
import type { FetchLike } from "../../../src/transport.js";
import { isLost, slownessOf } from "./failpoints.js";
import type { Post } from "./history.js";
import type { Trouble } from "./plan.js";
import type { SimulatedStore, StoreWorld } from "./simulated-store.js";
import { type Host, never } from "./virtual-time.js";

/** What a request to HubSpot needs of the world, beyond what a store call does. */
export interface EndpointWorld extends StoreWorld {
  /** What happens to the next request instead of an answer. */
  nextTrouble(): Trouble | undefined;
  /** How long a message to or from HubSpot takes. */
  wireDelayMs(): number;
}

/** An answer whose parts come one after the other: a `Response` as far as the library looks. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  readonly type: "default";
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What HubSpot says when it did not look at the refresh token. */
const REPLIES: Partial<Record<Trouble, Reply>> = {
  "server-error": { status: 500, body: { status: "error" } },
  "rate-limited": { status: 429, headers: { "retry-after": "3" }, body: { status: "error" } },
  "wrong-secret": { status: 400, body: { error: "invalid_client", status: "BAD_CLIENT_SECRET" } },
  "strange-refusal": { status: 400, body: { error: "something_new" } },
  "bogus-refusal": { status: 400, body: { error: "invalid_grant", status: "BAD_REFRESH_TOKEN" } },
};

export function endpointFor(world: EndpointWorld, host: Host, store: SimulatedStore): FetchLike {
  return async (input, init) => {
    const refreshToken = new URLSearchParams(init.body as string).get("refresh_token");
    if (refreshToken === null) throw new Error("only refreshes are simulated");
    const post = begin(world, host, store, refreshToken);
    init.signal?.addEventListener("abort", () => (post.isOpen = false));
    try {
      return (await exchange(world, host, post, input, init)) as unknown as Response;
    } catch (error) {
      post.isOpen = false;
      throw error;
    }
  };
}

function begin({ history }: EndpointWorld, host: Host, store: SimulatedStore, refreshToken: string): Post {
  const accountId = refreshToken.split("-")[1] ?? "";
  const passage = store.passage(accountId);
  const { lease, version, read } = passage;
  const isFromMemory = passage.stage === "asked";
  passage.stage = "asked";
  const post: Post = {
    by: host.name,
    accountId,
    refreshToken,
    sent: history.moment(),
    basedOn: version,
    read,
    lease: lease?.released === undefined ? lease : undefined,
    isFromMemory,
    isOpen: true,
  };
  history.posts.push(post);
  return post;
}

async function exchange(world: EndpointWorld, host: Host, post: Post, input: string, init: RequestInit): Promise<Answer> {
  const { time, failpoints } = world;
  const { accountId } = post;
  await failpoints.pass("F6", host, accountId, () => failure("ECONNREFUSED"));
  await time.reach(host, world.wireDelayMs());
  await failpoints.pass("F7", host, accountId, () => failure("ECONNRESET"));
  // Its deadline was over before a byte was written.
  if (init.signal?.aborted === true) return never();
  const trouble = world.nextTrouble();
  if (trouble === "unreachable") throw failure("ECONNREFUSED");
  await time.leave(host, world.wireDelayMs());

  const harm = failpoints.meet("F8", host, accountId);
  if (trouble === "hangs" || (isLost(harm) && harm?.does === "crash")) return never();
  const reply = isLost(harm) ? undefined : await answer(world, post, trouble, input, init);
  if (trouble === "hangs-after") return never();
  await time.reach(host, world.wireDelayMs() + slownessOf(harm));
  if (reply === undefined || trouble === "connection-lost" || harm?.does === "fail") throw failure("ECONNRESET");
  const { status, headers, body } = reply;
  return {
    status,
    headers: new Headers({ "content-type": "application/json", ...headers }),
    type: "default",
    body: inParts(world, host, post, body),
  };
}

/** HubSpot's own work: nothing here takes time. */
async function answer(world: EndpointWorld, post: Post, trouble: Trouble | undefined, input: string, init: RequestInit): Promise<Reply> {
  const { server, history, plan } = world;
  const reply = trouble === undefined ? undefined : REPLIES[trouble];
  if (reply !== undefined) {
    history.say(`${post.by} sent ${post.refreshToken}: ${trouble}`);
    if (trouble === "bogus-refusal") Object.assign(post, { outcome: "refused", isBogus: true });
    post.processed = history.moment();
    return reply;
  }
  const response = await server.fetchFor(post.by)(input, init);
  const body = (await response.json()) as Record<string, unknown>;
  post.outcome = server.posts.at(-1)?.outcome ?? "refused";
  post.processed = history.moment();
  history.say(`${post.by} sent ${post.refreshToken}: ${post.outcome}${trouble === undefined ? "" : ` (${trouble})`}`);
  if (response.status !== 200) return { status: response.status, body };
  post.given = String(body["refresh_token"]);
  history.issued.add(`${String(body["access_token"])} ${post.given}`);
  if (plan.silent && post.given === post.refreshToken) delete body["refresh_token"];
  if (trouble === "odd-answer") body["token_type"] = "mac";
  if (trouble === "other-portal") body["hub_id"] = 999;
  return { status: 200, body };
}

async function* inParts({ failpoints, history }: EndpointWorld, host: Host, post: Post, body: object): AsyncGenerator<Uint8Array> {
  try {
    await failpoints.pass("F9", host, post.accountId, () => failure("ECONNRESET"));
    yield Buffer.from(JSON.stringify(body));
    await failpoints.pass("F10", host, post.accountId, () => failure("ECONNRESET"));
    // Tokens of another portal must not be stored, so that the refresh token among them is lost.
    if ((body as Reply["body"])["hub_id"] !== 999 && post.isOpen) post.delivered = history.moment();
  } finally {
    post.isOpen = false;
  }
}

function failure(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}
