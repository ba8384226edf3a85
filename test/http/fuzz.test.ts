/**
 * Whatever a server answers: every method ends in a value or in one of our errors, no promise is left behind, no secret gets out, and the
 * next call on the same connections gets its own answer (TN-05). `FUZZ_MS=60000 FUZZ_SEED=7 npx vitest run --project library
 * test/http/fuzz.test.ts` runs longer, and again. The seed decides what is said; when it arrives is the machine's business.
 */
import type { Socket } from "node:net";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type HubSpotHttp, isHubSpotOAuthError } from "../../src/index.js";
import { answerPlans, type AnswerPlan } from "./faults/arbitrary-answers.js";
import { calling, TOKEN, ways } from "./faults/both-ways.js";
import { answerBytes, faultyServer } from "./faults/faulty-server.js";

const FUZZ_MS = Number(process.env["FUZZ_MS"] ?? 5_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const Page = z.object({ results: z.array(z.looseObject({ id: z.string() })) });
const options = { timeoutMs: 40 };

/** Every method, and what callers do with what it answers. */
const calls: Readonly<Record<string, (hubspot: HubSpotHttp, signal: AbortSignal) => Promise<unknown>>> = {
  get: (hubspot) => hubspot.get("/fuzz", options),
  "get, with a schema": (hubspot) => hubspot.get("/fuzz", { ...options, schema: Page }),
  "get, aborted": (hubspot, signal) => hubspot.get("/fuzz", { ...options, signal }),
  post: (hubspot) => hubspot.post("/fuzz", { ...options, body: { a: 1 } }),
  "post, idempotent": (hubspot) => hubspot.post("/fuzz", { ...options, body: { a: 1 }, idempotent: true }),
  put: (hubspot) => hubspot.put("/fuzz", { ...options, body: "x".repeat(100_000) }),
  patch: (hubspot) => hubspot.patch("/fuzz", { ...options, body: {} }),
  delete: (hubspot) => hubspot.delete("/fuzz", options),
  request: (hubspot) => hubspot.request("GET", "/fuzz", options),
  "request HEAD": (hubspot) => hubspot.request("HEAD", "/fuzz", options),
  "request, with a schema": (hubspot) => hubspot.request("POST", "/fuzz/search", { ...options, body: {}, schema: Page }),
  paginate: async (hubspot) => {
    let pages = 0;
    for await (const page of hubspot.paginate("/fuzz", options).pages()) if (++pages === 2) return page;
    return pages;
  },
  stream: async (hubspot) => (await (await hubspot.stream("GET", "/fuzz", options)).body.toArray()).length,
  "stream, left early": async (hubspot) => (await hubspot.stream("GET", "/fuzz", options)).body.destroy(),
  "stream, aborted": async (hubspot, signal) =>
    (await (await hubspot.stream("GET", "/fuzz", { ...options, signal })).body.toArray()).length,
  "stream, uploading": async (hubspot) => {
    const body = new Blob(["x".repeat(200_000)]).stream();
    return (await (await hubspot.stream("POST", "/fuzz", { ...options, body })).body.toArray()).length;
  },
  fetch: async (hubspot) => (await hubspot.fetch("/fuzz")).text(),
  "fetch POST": async (hubspot) => (await hubspot.fetch("/fuzz", { method: "POST", body: "{}" })).arrayBuffer(),
  "fetch, cancelled": async (hubspot) => (await hubspot.fetch("/fuzz")).body?.cancel(),
  "fetch, aborted": async (hubspot, signal) => (await hubspot.fetch("/fuzz", { signal })).text(),
};

/** What a call rejected with, told apart from all that a server can answer. */
class Thrown {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

const ABORTED = new Error("enough");

/** Sends what it was told, one piece a turn; a connection with an unfinished answer is worth nothing to a further request. */
async function play(socket: Socket, { pieces, ending }: AnswerPlan): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (ending === "fin") socket.end();
  if (ending === "rst") socket.resetAndDestroy();
}

describe.each(ways)(`seed ${SEED}, by $name`, (way) => {
  it(`TN-05 answers of any kind, ${FUZZ_MS / 2} ms of them`, { timeout: 60_000 + FUZZ_MS }, async () => {
    let plan: AnswerPlan = { pieces: [], ending: "rst" };
    const playing = new Set<Socket>();
    const server = await faultyServer((socket, { target }) => {
      if (playing.has(socket)) return void socket.resetAndDestroy();
      if (target.startsWith("/good")) return void socket.write(answerBytes({ target }));
      playing.add(socket);
      void play(socket, plan).finally(() => playing.delete(socket));
    });
    const { hubspot, agent } = calling(way, server.origin, {
      agent: { connections: 3 },
      maxResponseBytes: 100_000,
      timeoutMs: 40,
      retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 10 },
    });

    let runs = 0;
    const holds = fc.asyncProperty(answerPlans(TOKEN), fc.constantFrom(...Object.keys(calls)), fc.nat(8), async (next, name, patience) => {
      plan = next;
      const stop = new AbortController();
      const outcome = (calls[name] ?? calls["get"])?.(hubspot, stop.signal).catch((error: unknown) => new Thrown(error));
      for (let turn = 0; turn < patience; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (name.includes("aborted")) stop.abort(ABORTED);
      const result = await outcome;
      if (result instanceof Thrown) allowed(result.error, name.includes("aborted"));
      const target = `/good-${runs++}`;
      const answer = await hubspot.get(target, { timeoutMs: 20_000 });
      if ((answer as { readonly target?: unknown }).target !== target) throw new Error(`${target} got ${inspect(answer)}`);
    });
    await fc.assert(holds, { seed: SEED, numRuns: 10_000_000, plugins: [fc.interruptAfterTimeLimit(FUZZ_MS / 2)], endOnFailure: true });
    expect(runs).toBeGreaterThan(5);
    expect(({} as Record<string, unknown>)["status"]).toBeUndefined();
    // Only what is idle may be left: closing waits for everything else.
    await agent.close();
    await server.empty();
    expect(server.open).toBe(0);
  });
});

/** Ours, or the abort's reason; without the token, printed or not. */
function allowed(error: unknown, aborted: boolean): void {
  if (aborted && error === ABORTED) return;
  if (!isHubSpotOAuthError(error)) throw new Error(`not one of ours: ${inspect(error)}`);
  const shown = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), error.stack].join("\n");
  for (const secret of [TOKEN, btoa(TOKEN).replace(/=+$/, "")]) {
    if (shown.includes(secret)) throw new Error(`the token is in ${inspect(error).replaceAll(secret, "(TOKEN)")}`);
  }
}
