/**
 * Two hundred accounts on one set of connections, and a server that refuses, limits, redirects, breaks off and stages answers at random:
 * each token reaches its own account's paths and nothing else, each answer the call that asked for it.
 * `ISOLATION_REQUESTS=100000 npx vitest run --project library test/http/isolation.test.ts` takes longer.
 */
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Authorization, type Credential, HubSpotHttp, isHubSpotOAuthError } from "../../src/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { type Way, ways } from "./faults/both-ways.js";
import { always, type Answer, answerBytes, faultyServer, type FaultyServer } from "./faults/faulty-server.js";

const REQUESTS = Number(process.env["ISOLATION_REQUESTS"] ?? 8_000);
const ACCOUNTS = 200;
const EXPIRED = {
  status: "error",
  message: "The OAuth token used to make this call expired 1 second(s) ago.",
  category: "EXPIRED_AUTHENTICATION",
};

/** An account whose token has a number, and a next one when it is refused; now at once, now later. */
class NumberedAccount implements Credential {
  readonly id: string;
  readonly #account: string;
  #generation = 0;
  #current: Authorization;

  constructor(account: string) {
    this.id = `app:${account}`;
    this.#account = account;
    this.#current = this.#authorization();
  }

  authorize({ rejected }: { readonly rejected?: Authorization | undefined } = {}): Authorization | Promise<Authorization> {
    if (rejected === this.#current) {
      this.#generation++;
      this.#current = this.#authorization();
    }
    const current = this.#current;
    return randomInt(3) === 0 ? new Promise((resolve) => setImmediate(resolve, current)) : current;
  }

  async reload(): Promise<Authorization> {
    return this.#current;
  }

  #authorization(): Authorization {
    return { headers: { authorization: `Bearer token-of-${this.#account}-${this.#generation}.` } };
  }
}

/** What the server saw that it must not see. */
interface Watch {
  readonly wrong: string[];
  requests: number;
}

/** Answers at random; `owns` says whether a token is the account's. */
function hostile(watch: Watch, elsewhere: string, owns: (token: string, account: string) => boolean): Answer {
  return (socket, { target, headers }) => {
    const [, , account = "", call = ""] = target.split("?")[0]?.split("/") ?? [];
    const token = headers["authorization"]?.replace("Bearer ", "") ?? "";
    watch.requests++;
    if (!owns(token, account)) watch.wrong.push(`${target} with ${token}`);
    const whole = answerBytes({ account, call, token });
    const luck = randomInt(100);
    if (luck < 6) return void socket.write(answerBytes(EXPIRED, 401));
    if (luck < 10) return void socket.write(answerBytes({ message: `limit of ${token}` }, 429, { "retry-after": "0" }));
    if (luck < 13) return void socket.resetAndDestroy();
    if (luck < 16) return void socket.end(whole.slice(0, -3));
    if (luck < 19)
      return void socket.write(
        answerBytes({}, 307, { location: `${luck === 16 ? elsewhere : ""}/accounts/${Number(account) + 1}/${call}` }),
      );
    if (luck < 22) return void socket.write(answerBytes({ message: `broken for ${token}`, correlationId: token }, 503));
    if (luck < 24) return void socket.write(answerBytes({ category: "MISSING_SCOPES", context: { missingScopes: [token] } }, 403));
    // An answer for somebody else, behind this one.
    if (luck < 28) return void socket.write(whole + answerBytes({ account: "poison", call: "poison", token: "poison" }));
    if (luck < 30) return void socket.end(whole);
    socket.write(whole);
  };
}

interface Seen {
  readonly account: string;
  readonly call: string;
}

/** One call by any method. */
async function callBy(hubspot: HubSpotHttp, kind: number, path: string): Promise<Seen> {
  if (kind === 0) return JSON.parse((await (await hubspot.stream("GET", path)).body.toArray()).join("")) as Seen;
  if (kind === 1) {
    const response = await hubspot.fetch(path, { method: "POST", body: "{}" });
    const text = await response.text();
    if (!response.ok) throw new Refused(response.status);
    return JSON.parse(text) as Seen;
  }
  if (kind === 2) return (await hubspot.post(path, { body: { a: 1 } })) as Seen;
  return (await hubspot.get(path, { query: { n: kind } })) as Seen;
}

/** What `fetch` answers instead of rejecting. */
class Refused {
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }
}

/** Makes calls, 100 at a time, until the server has seen enough requests; counts the answers. */
async function hammer(
  watch: Watch,
  requests: number,
  accounts: readonly string[],
  client: (account: string) => HubSpotHttp,
): Promise<number> {
  let answered = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (watch.requests < requests) {
      const account = accounts[randomInt(accounts.length)] ?? "";
      const call = String(next++);
      const outcome = await callBy(client(account), next % 8, `/accounts/${account}/${call}`).catch((error: unknown) => error);
      if (isHubSpotOAuthError(outcome)) {
        const shown = inspect(outcome, { depth: 5, showHidden: true });
        if (/token-of-|poison/.test(shown)) watch.wrong.push(shown);
      } else if (!(outcome instanceof Refused)) {
        const seen = outcome as Seen;
        if (seen.account !== account || seen.call !== call) watch.wrong.push(`/accounts/${account}/${call} got ${inspect(outcome)}`);
        answered++;
      }
    }
  };
  await Promise.all(Array.from({ length: 100 }, worker));
  return answered;
}

async function scene(owns: (token: string, account: string) => boolean): Promise<{
  readonly watch: Watch;
  readonly server: FaultyServer;
  readonly elsewhere: FaultyServer;
  readonly agent: Agent;
}> {
  const watch: Watch = { wrong: [], requests: 0 };
  const elsewhere = await faultyServer(always({ stolen: true }));
  const server = await faultyServer(hostile(watch, elsewhere.origin, owns));
  const agent = new Agent({ allowH2: false, connections: 16 });
  onTestFinished(() => agent.destroy());
  return { watch, server, elsewhere, agent };
}

const retry = { baseDelayMs: 1, maxDelayMs: 2 };

describe.each(ways)("by $name", (way: Way) => {
  const requests = way.name === "dispatcher" ? REQUESTS : Math.ceil(REQUESTS / 8);

  it(
    `${requests} requests of ${ACCOUNTS} accounts: no token on another's path, no answer for another's call`,
    { timeout: 600_000 },
    async () => {
      const { watch, elsewhere, server, agent } = await scene(
        (token, account) => token.startsWith(`token-of-${account}-`) && token.endsWith("."),
      );
      const accounts = Array.from({ length: ACCOUNTS }, (_, n) => String(n));
      const credentials = new Map(accounts.map((account) => [account, new NumberedAccount(account)]));
      const client = (account: string): HubSpotHttp =>
        new HubSpotHttp({
          credential: credentials.get(account) as Credential,
          apiOrigin: server.origin,
          rateLimit: false,
          retry,
          timeoutMs: 60_000,
          ...way.over(agent),
        });
      const kept = new Map(accounts.map((account) => [account, client(account)]));
      // Half of the calls by a client of their own, as in an app that makes one per request.
      const answered = await hammer(watch, requests, accounts, (account) =>
        randomInt(2) === 0 ? client(account) : (kept.get(account) as HubSpotHttp),
      );
      expect(watch.wrong).toEqual([]);
      expect(elsewhere.connections).toBe(0);
      expect(answered).toBeGreaterThan(requests / 2);
      await agent.close();
      await server.empty();
    },
  );
});

it("30 accounts of a HubSpotOAuthClient, refreshing as they go: each token on its own account's paths", { timeout: 120_000 }, async () => {
  const emulator = await emulate({
    accounts: Array.from({ length: 30 }, (_, n) => ({ hubId: 1_000 + n, contacts: 0, companies: 0, deals: 0, engagements: 0 })),
  });
  const ownerOf = new Map<string, string>();
  const owns = (token: string, account: string): boolean => {
    // Tokens are only ever added.
    for (const issued of emulator.accessTokens.slice(ownerOf.size)) ownerOf.set(issued.token, String(issued.hubId));
    return ownerOf.get(token) === account;
  };
  const { watch, server, elsewhere, agent } = await scene(owns);
  const { oauth } = clientOf(emulator);
  const ids = await Promise.all(emulator.accounts.map(({ hubId }) => connect(oauth, emulator, { hubId })));
  const answered = await hammer(
    watch,
    Math.ceil(REQUESTS / 4),
    ids,
    (id) =>
      new HubSpotHttp({
        credential: oauth.account(id),
        apiOrigin: server.origin,
        rateLimit: false,
        retry,
        timeoutMs: 60_000,
        dispatcher: agent,
      }),
  );
  expect(watch.wrong).toEqual([]);
  expect(elsewhere.connections).toBe(0);
  expect(answered).toBeGreaterThan(REQUESTS / 16);
  expect(emulator.accessTokens.length).toBeGreaterThan(ids.length);
  await agent.close();
  await server.empty();
});
