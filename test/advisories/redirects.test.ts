/**
 * Published vulnerabilities of HTTP clients around redirects and request targets, replayed against this one: no answer leads it anywhere else,
 * and no path does. Above each, what the bug was.
 */
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore, privateAppToken } from "../../src/index.js";
import { failureOf } from "../client/flow.js";
import { type HttpServer, httpServer } from "../transport/servers.js";

const SECRETS = { clientId: "client-1", clientSecret: "secret-of-client-1" };

function agent(): Agent {
  const made = new Agent({ allowH2: false });
  onTestFinished(() => made.destroy());
  return made;
}

/** Every kind of request that carries a secret, against one server. */
function requestsOf(origin: string): readonly (readonly [string, () => Promise<unknown>])[] {
  const dispatcher = agent();
  const oauth = new HubSpotOAuthClient({
    ...SECRETS,
    redirectUri: "https://app.example.com/cb",
    scopes: ["oauth"],
    tokenStore: new MemoryTokenStore(),
    apiOrigin: origin,
    apiVersion: "2026-09",
    dispatcher,
  });
  const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-na1-secret"), apiOrigin: origin, retry: false, dispatcher });
  return [
    ["exchangeCode", () => oauth.exchangeCode("a-code")],
    ["refresh", () => oauth.refresh("a-refresh-token")],
    ["introspect", () => oauth.introspect("a-token")],
    ["revoke", () => oauth.revoke("a-refresh-token")],
    ["get", () => hubspot.get("/crm/v3/objects/contacts")],
    ["post", () => hubspot.post("/crm/v3/objects/contacts", { body: { a: 1 }, headers: { "x-own-key": "secret" } })],
    ["stream", () => hubspot.stream("GET", "/crm/v3/objects/contacts")],
    ["paginate", () => hubspot.paginate("/crm/v3/objects/contacts")[Symbol.asyncIterator]().next()],
  ];
}

async function redirecting(status: number, location: string): Promise<HttpServer> {
  return httpServer((request, response) => {
    request.resume();
    response.writeHead(status, { location, "set-cookie": "a=b; Domain=.example.com" }).end();
  });
}

/** Where a redirect may point, and who followed it there with what. */
const TARGETS: readonly {
  readonly where: string;
  readonly advisories: readonly string[];
  readonly location: (elsewhere: string) => string;
}[] = [
  {
    // Cookie and Host; Authorization and Cookie; Proxy-Authorization, twice; all headers; Cookie; Proxy-Authorization; an application's own.
    where: "another host",
    advisories: [
      ...["CVE-2022-31151", "CVE-2023-45143", "CVE-2024-24758", "CVE-2024-30260", "CVE-2022-0235", "CVE-2022-0155", "CVE-2024-28849"],
      "CVE-2026-40895",
    ],
    location: (elsewhere) => elsewhere.replace("127.0.0.1", "localhost"),
  },
  // Credentials went to whoever listens on another port of the host.
  { where: "another port", advisories: ["CVE-2022-27774"], location: (elsewhere) => elsewhere },
  // Authorization went from https to http of the same host, for all to read.
  {
    where: "another scheme",
    advisories: ["CVE-2018-18074", "CVE-2022-0536"],
    location: (elsewhere) => elsewhere.replace("http:", "https:"),
  },
  // What was removed for a foreign host came back when that host redirected further.
  {
    where: "a place that would redirect further",
    advisories: ["CVE-2024-45336"],
    location: (elsewhere) => `${elsewhere}/chain?next=/back`,
  },
  // The redirect named a socket of the machine.
  { where: "a socket of the machine", advisories: ["CVE-2022-33987"], location: () => "http://unix:/var/run/docker.sock:/containers/json" },
];

describe.each(TARGETS.map((target) => [`${target.advisories.join(", ")}: to ${target.where}`, target.location] as const))(
  "%s no redirect is followed, with whatever it would carry",
  (_, location) => {
    it.each([301, 302, 303, 307, 308])("%d", async (status) => {
      const elsewhere = await httpServer((_request, response) => response.writeHead(302, { location: "/back" }).end());
      const server = await redirecting(status, location(elsewhere.origin));
      for (const [name, send] of requestsOf(server.origin)) {
        const before = server.requests.length;
        expect((await failureOf(send())).message, name).not.toContain("secret");
        expect(server.requests.length - before, name).toBe(1);
      }
      expect(elsewhere.sockets).toHaveLength(0);
    });
  },
);

// A path that began with two slashes, or was a whole URL, replaced the host that the client was made for; the token went there.
describe.each(["CVE-2022-35949", "CVE-2024-39338", "CVE-2025-27152"])("%s: a path names no host", (advisory) => {
  const paths: Readonly<Record<string, readonly ((origin: string) => string)[]>> = {
    "CVE-2022-35949": [(origin) => `//${new URL(origin).host}/x`, (origin) => `${origin}/x`, (origin) => `/\\${new URL(origin).host}`],
    "CVE-2024-39338": [
      (origin) => `//${new URL(origin).host}`,
      (origin) => `///${new URL(origin).host}/x`,
      (origin) => `/.//${new URL(origin).host}`,
    ],
    "CVE-2025-27152": [(origin) => origin, (origin) => `${origin}/crm?a=b`, (origin) => `HTTP:${origin.slice(5)}/x`],
  };

  it.each([0, 1, 2])("form %d", async (form) => {
    const elsewhere = await httpServer((_request, response) => response.end("{}"));
    const server = await httpServer((_request, response) => response.end("{}"));
    const path = paths[advisory]?.[form]?.(elsewhere.origin) ?? "";
    const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-na1-secret"), apiOrigin: server.origin, dispatcher: agent() });
    for (const call of [
      () => hubspot.get(path),
      () => hubspot.stream("GET", path),
      () => hubspot.fetch(path),
      () => hubspot.paginate(path)[Symbol.asyncIterator]().next(),
    ]) {
      expect(await failureOf((async () => call())())).toBeInstanceOf(TypeError);
    }
    expect([elsewhere.sockets.length, server.sockets.length]).toEqual([0, 0]);
  });
});

// The same, by an answer.
it("CVE-2025-27152: the link to the next page in an answer is not followed", async () => {
  const elsewhere = await httpServer((_request, response) => response.end("{}"));
  const page = { results: [{ id: "1" }], paging: { next: { after: "2", link: `${elsewhere.origin}/crm?after=2` } } };
  const server = await httpServer(({ url }, response) => response.end(JSON.stringify(url?.includes("after") ? { results: [] } : page)));
  const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-na1-secret"), apiOrigin: server.origin, dispatcher: agent() });
  const ids: unknown[] = [];
  for await (const item of hubspot.paginate("/crm/v3/objects/contacts")) ids.push(item);
  expect([ids.length, server.requests.length, elsewhere.sockets.length]).toEqual([1, 2, 0]);
});
