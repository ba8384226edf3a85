/**
 * An app on the handlers for `node:http`, and the emulator, on two HTTPS names that are two sites to a browser. The app has sessions of its
 * own, and notes what each request brought along. Everything closes when the test ends.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Page } from "playwright-core";
import { createHandlers } from "../../src/handlers/node.js";
import { HubSpotHttp, type HubSpotOAuthClient, MissingScopesError } from "../../src/index.js";
import { forwardTo, startHttpsSite } from "../support/https-site.js";
import { clientOf, emulate, type Emulator } from "../support/setup.js";

/** A request as the app saw it. */
export interface Seen {
  /** Method and path. */
  readonly what: string;
  /** Names of the cookies that came with it. */
  readonly cookies: readonly string[];
}

/** What differs from app to app. */
export interface SiteOptions {
  /** Of the session's cookie. @default "Lax" */
  readonly sameSite?: "Strict" | "Lax" | "None";
  /** What binds a flow to the browser. @default "cookie", one of each flow's own */
  readonly binding?: "cookie" | "session";
  /** Whether a page goes on to the first one after connecting, in place of a redirect. @default false */
  readonly onwardPage?: boolean;
}

/** The app, its client, its HubSpot, and what happened. */
export interface Site {
  readonly origin: string;
  readonly emulator: Emulator;
  readonly oauth: HubSpotOAuthClient;
  /** Requests to the app, oldest first, without those for its icon. */
  readonly seen: readonly Seen[];
  /** The accounts that a person has connected. */
  accountsOf(person: string): readonly string[];
  /** The callback that HubSpot would answer with for the page that the browser is on. */
  callbackOf(page: Page, hubId?: number): Promise<string>;
}

interface Session {
  readonly id: string;
  readonly person: string;
}

/**
 * Starts both. `/sign-in?as=ada` begins a session, and the header `x-signed-in-as` is one, as behind a proxy that signs people in. `/` lists
 * what is connected, with links and buttons; `/deals` needs one more scope.
 */
export async function startSite({ sameSite = "Lax", binding = "cookie", onwardPage = false }: SiteOptions = {}): Promise<Site> {
  const seen: Seen[] = [];
  let routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>> = {};
  const listener: RequestListener = (request, response) => {
    const path = pathOf(request);
    const cookies = Object.keys(cookiesOf(request));
    if (path !== "/favicon.ico") seen.push({ what: `${request.method} ${path}`, cookies });
    const route = routes[path] ?? (() => void response.writeHead(404).end(page("Not found")));
    void route(request, response);
  };
  const origin = await startHttpsSite("app.example.test", listener);
  const emulator = await emulate({ app: { name: "Ledger Sync", redirectUris: [`${origin}/callback`] } });
  const hubspot = await startHttpsSite("hubspot.other.test", forwardTo(emulator.origin));
  const { oauth } = clientOf(emulator, { authorizeOrigin: hubspot });

  const sessions = new Map<string, Session>();
  const accounts = new Map<string, Set<string>>();
  const accountsOf = (person: string): readonly string[] => [...(accounts.get(person) ?? [])];
  const sessionOf = (request: IncomingMessage): Session | undefined => {
    const person = request.headers["x-signed-in-as"];
    return typeof person === "string" ? { id: person, person } : sessions.get(cookiesOf(request)["__Host-session"] ?? "");
  };

  const handlers = createHandlers<{ person: string }>(oauth as HubSpotOAuthClient<{ person: string }>, {
    connectPath: "/connect",
    session(request) {
      const session = sessionOf(request);
      if (session === undefined) return undefined;
      const { id, person } = session;
      return { binding: binding === "session" ? id : undefined, context: { person }, accountIds: accountsOf(person) };
    },
    onConnected({ accountId, context: { person } }) {
      accounts.set(person, (accounts.get(person) ?? new Set()).add(accountId));
      const onward = `<!doctype html><title>Connected</title><meta http-equiv="refresh" content="0; url=/">`;
      return onwardPage ? new Response(onward, { headers: { "content-type": "text/html" } }) : undefined;
    },
    onDisconnected({ accountId }) {
      for (const own of accounts.values()) own.delete(accountId);
    },
    extraScopes: ["crm.objects.deals.read"],
  });

  routes = {
    "/connect": handlers.connect,
    "/callback": handlers.callback,
    "/disconnect": handlers.disconnect,
    "/sign-in"(request, response) {
      const session = { id: randomUUID(), person: queryOf(request).get("as") ?? "" };
      sessions.set(session.id, session);
      const cookie = `__Host-session=${session.id}; Path=/; Secure; HttpOnly; SameSite=${sameSite}`;
      response.writeHead(303, { location: "/", "set-cookie": cookie }).end();
    },
    "/"(request, response) {
      const session = sessionOf(request);
      if (session === undefined) response.end(page("Signed out", `<a href="/">Start</a>`));
      else response.end(page(`${session.person}'s accounts`, accountsOf(session.person).map(account).join("") + connectLink));
    },
    async "/deals"(request, response) {
      const accountId = queryOf(request).get("account") ?? "";
      if (!accountsOf(sessionOf(request)?.person ?? "").includes(accountId)) return response.writeHead(404).end(page("Not found"));
      try {
        const http = new HubSpotHttp({ credential: oauth.account(accountId), retry: false });
        const { results } = (await http.get("/crm/v3/objects/deals")) as { results: readonly unknown[] };
        return response.end(page(`${results.length} deals of ${accountId}`));
      } catch (error) {
        if (!(error instanceof MissingScopesError)) throw error;
        const target = new URLSearchParams({ account: accountId, scope: error.scopes.join(" "), return_to: `/deals?account=${accountId}` });
        const form = `<form method="post" action="/connect?${target.toString().replaceAll("&", "&amp;")}"><button>Allow deals</button></form>`;
        return response.writeHead(403).end(page("Deals are not allowed yet", form));
      }
    },
  };

  return {
    origin,
    emulator,
    oauth,
    seen,
    accountsOf,
    callbackOf: (tab, hubId) => emulator.authorize(tab.url(), { hubId }),
  };
}

const connectLink = `<p><a href="/connect">Connect HubSpot</a></p>`;

function account(id: string): string {
  return `<h2>${id}</h2><a href="/deals?account=${id}">Deals of ${id}</a><form method="post" action="/disconnect?account=${id}"><button>Disconnect ${id}</button></form>`;
}

/** A small page, also for other sites. */
export function page(title: string, body = ""): string {
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>${title}</title><main><h1>${title}</h1>${body}</main></html>`;
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split("?", 1)[0] ?? "/";
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams(request.url?.split("?")[1]);
}

function cookiesOf(request: IncomingMessage): Readonly<Record<string, string>> {
  const pairs = (request.headers.cookie ?? "").split("; ").filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
