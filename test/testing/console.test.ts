/** The console as programs and hostile pages meet it: what it gives away, to whom, and what is left of it afterwards. */

import { once } from "node:events";
import { get, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { call, client, connect, grantCode, refresh, send, start } from "./support.js";

type Emulator = Awaited<ReturnType<typeof start>>;

/** What fetch cannot send: any Host header. */
async function raw(
  emulator: Emulator,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  const outgoing = request(emulator.origin + path, { method, headers });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** Opens the page's stream and reads on until it has seen what is looked for. */
async function streamUntil(emulator: Emulator, wanted: string): Promise<string> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const response = await fetch(`${emulator.origin}/console/events`, { signal: stop.signal });
  let seen = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    seen += chunk;
    if (seen.includes(wanted)) return seen;
  }
  throw new Error(`The stream ended without ${wanted}`);
}

function act(emulator: Emulator, action: string, form: Record<string, string> = {}): ReturnType<typeof send> {
  return send(`${emulator.origin}/console/actions/${action}`, { method: "POST", body: new URLSearchParams(form) });
}

describe("secrets", () => {
  test("neither the page nor its stream shows a token, a code, a client secret or a key", async () => {
    const emulator = await start();
    const tokens = await connect(emulator);
    const code = await grantCode(emulator);
    await refresh(emulator, tokens.refresh_token);
    await call(emulator, `/oauth/v1/access-tokens/${tokens.access_token}`, tokens.access_token);
    await send(`${emulator.origin}/oauth/v1/refresh-tokens/${tokens.refresh_token}`);
    await send(`${emulator.origin}/oauth/v1/refresh-tokens/${encodeURIComponent("s3cret/with slash")}`);
    await send(`${emulator.origin}/nowhere/${tokens.refresh_token}?hapikey=${emulator.app.developerApiKey}`);
    const page = await send(emulator.origin);
    const stream = await streamUntil(emulator, "event: parts");
    const secrets = [
      ...emulator.accessTokens.map(({ token }) => token),
      ...emulator.accounts.flatMap(({ privateApps }) => privateApps.map(({ token }) => token)),
      ...[tokens.refresh_token, code, client(emulator).client_secret, emulator.app.developerApiKey, "s3cret"],
    ];
    expect(secrets.length).toBeGreaterThan(8);
    for (const seen of [page.text, stream]) {
      expect(seen).toContain("refresh-token-metadata");
      expect(secrets.filter((secret) => seen.includes(secret))).toEqual([]);
    }
  });

  test("a name or a path that is HTML stays text", async () => {
    const hostile = `"><script>alert('x')</script>&`;
    const emulator = await start({ accounts: [{ name: hostile, hubDomain: hostile }], app: { name: hostile } });
    await send(`${emulator.origin}/<b>'"/${encodeURIComponent(hostile)}`);
    await emulator.handle({ method: "GET", url: "/<i>" });
    const page = await send(emulator.origin);
    const stream = await streamUntil(emulator, "event: parts");
    for (const seen of [page.text, stream]) expect(seen).not.toMatch(/<script>|<b>'|<i>/u);
    expect(page.text).toContain("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;");
  });
});

describe("who may use it", () => {
  test("nothing is answered under a name that is not this machine's: such a name may have been made to lead here", async () => {
    const emulator = await start();
    const { port } = new URL(emulator.origin);
    for (const host of [`evil.example:${port}`, "127.0.0.1.evil.example", `localhost.evil.example:${port}`]) {
      for (const path of ["/", "/console/events", "/console/console.js"]) {
        expect({ host, path, status: (await raw(emulator, "GET", path, { host })).status }).toEqual({ host, path, status: 403 });
      }
      expect((await raw(emulator, "POST", "/console/actions/advance", { host })).status).toBe(403);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, "localhost", `[::1]:${port}`]) {
      expect({ host, status: (await raw(emulator, "GET", "/", { host })).status }).toEqual({ host, status: 200 });
    }
  });

  test.each([
    ["another origin", { origin: "https://evil.example" }],
    ["another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["no origin that it would tell", { origin: "null" }],
    ["another site", { "sec-fetch-site": "cross-site" }],
    ["another port, by what the browser says", { "sec-fetch-site": "same-site" }],
  ])("a post and the stream are refused to a page of %s, and nothing happens", async (_, headers) => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    const body = new URLSearchParams({ hub_id: "24681012" });
    expect((await send(`${emulator.origin}/console/actions/expire-tokens`, { method: "POST", body, headers })).status).toBe(403);
    expect((await raw(emulator, "GET", "/console/events", headers)).status).toBe(403);
    expect((await call(emulator, "/crm/v3/objects/contacts", access_token)).status).toBe(200);
  });

  test("a link on another page may lead to it, but no page may frame it, load its parts or add to it", async () => {
    const emulator = await start();
    expect((await raw(emulator, "GET", "/", { "sec-fetch-site": "cross-site" })).status).toBe(200);
    const { headers } = await send(emulator.origin);
    const policy = headers.get("content-security-policy") ?? "";
    for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toContain("unsafe");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect((await send(emulator.origin)).text).not.toMatch(/\son[a-z]+=|style=|<script(?! src="\/console\/console\.js" defer><\/script>)/u);
  });
});

describe("beside HubSpot", () => {
  test("its requests are not in the log, and every other request is HubSpot's as before", async () => {
    const emulator = await start();
    for (const path of ["/", "/?done=advance", "/console/console.css", "/console/console.js", "/console/nothing"]) {
      await send(emulator.origin + path);
    }
    await act(emulator, "advance", { ms: "60000" });
    expect(emulator.count()).toBe(0);
    const { status, body } = await send(emulator.origin, { method: "POST" });
    expect([status, body["status"]]).toEqual([404, "error"]);
    expect((await send(`${emulator.origin}/console`)).status).toBe(404);
    expect((await send(emulator.origin, { headers: { authorization: "Bearer a-token" } })).status).toBe(404);
    expect(emulator.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /", "GET /console", "GET /"]);
  });

  test("a program may press the buttons, and is told what is wrong with a form", async () => {
    const emulator = await start({ now: () => 1_800_000_000_000 });
    expect((await act(emulator, "advance", { ms: "1860000" })).text).toBe("The clock was moved.");
    expect(emulator.now()).toBe(1_800_001_860_000);
    for (const [action, form] of [
      ["advance", { ms: "1" }],
      ["uninstall", { hub_id: "1" }],
      ["revoke-grant", {}],
      ["add-fault", { kind: `{"kind":"answer"}`, route: "", hub_id: "", times: "1" }],
      ["add-fault", { kind: `{"kind":"hang"}`, route: "nonsense", hub_id: "", times: "1" }],
      ["add-fault", { kind: `{"kind":"hang"}`, route: "", hub_id: "1", times: "1" }],
      ["add-fault", { kind: `{"kind":"hang"}`, route: "", hub_id: "", times: "-1" }],
      ["win", {}],
    ] as const) {
      expect({ action, status: (await act(emulator, action, form)).status }).toEqual({ action, status: 400 });
    }
    expect(emulator.faults.list()).toEqual([]);
    expect((await send(`${emulator.origin}/console/actions/advance`)).status).toBe(405);
    expect((await act(emulator, "advance", { ms: "x".repeat(20_000) })).status).toBe(500);
  });

  test("every kind of fault that it offers can be put in force", async () => {
    const emulator = await start();
    const { text: page } = await send(emulator.origin);
    const values = [...page.matchAll(/<option value="(?<json>\{[^"]*\})">/gu)].map(
      (found) => found.groups?.["json"]?.replaceAll("&quot;", '"') ?? "",
    );
    for (const kind of values) {
      expect({ kind, status: (await act(emulator, "add-fault", { kind, route: "", hub_id: "", times: "Infinity" })).status }).toEqual({
        kind,
        status: 200,
      });
    }
    const kinds = emulator.faults.list().map(({ rule }) => rule.fault.kind);
    expect(new Set(kinds)).toEqual(new Set(emulator.faults.kinds.map(({ kind }) => kind).filter((kind) => kind !== "answer")));
  });
});

describe("what is left of it", () => {
  /** A page's stream. */
  async function openStream(emulator: Emulator): Promise<IncomingMessage> {
    const [response] = (await once(get(`${emulator.origin}/console/events`), "response")) as [IncomingMessage];
    response.on("error", () => undefined).resume();
    return response;
  }

  test("no timer runs while no page is open, and none is left when the last one went or the emulator was closed", async () => {
    // Node's own timers are not among the fake ones, so that each that is counted is the console's.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const emulator = await start();
    const ask = (): Promise<unknown> => emulator.handle({ method: "GET", url: "/x" });
    const timersAfter = async (stream: IncomingMessage, end: () => unknown): Promise<number> => {
      const closed = once(stream, "close");
      await end();
      await closed;
      // The emulator's side of a closed connection follows a few turns later.
      for (let turn = 0; turn < 1_000 && vi.getTimerCount() > 0; turn++) await new Promise(setImmediate);
      return vi.getTimerCount();
    };
    await ask();
    expect(vi.getTimerCount()).toBe(0);
    const first = await openStream(emulator);
    const second = await openStream(emulator);
    await ask();
    expect(vi.getTimerCount()).toBe(2);
    first.destroy();
    expect(await timersAfter(second, () => second.destroy())).toBe(0);
    await ask();
    expect(vi.getTimerCount()).toBe(0);
    const third = await openStream(emulator);
    await ask();
    expect(vi.getTimerCount()).toBe(2);
    expect(await timersAfter(third, () => emulator.close())).toBe(0);
  });
});
