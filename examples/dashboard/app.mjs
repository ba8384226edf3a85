// @ts-check
/** The app: its client, its handlers, and what each address answers. Plain `node:http`; a framework would do no more than the table below. */
import { HubSpotOAuthClient, ReauthorizationRequiredError } from "hubspot-oauth";
import { createHandlers } from "hubspot-oauth/handlers/node";
import { accountPage, disconnectPage, recordsPage, recordsProblemPage } from "./account-pages.mjs";
import { Activity } from "./activity.mjs";
import { EXTRA_SCOPES, features, readRecords } from "./features.mjs";
import { layout, pageHeaders } from "./layout.mjs";
import { accountsPage, problemPage, signInPage } from "./pages.mjs";
import { findPerson } from "./people.mjs";
import { explain } from "./words.mjs";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {{ readonly tenantId: string, readonly person: string }} Context what a flow carries to its end */
/** @typedef {{ status?: number, title: string, content: import("./html.mjs").Html, headers?: Record<string, string> } | { redirect: string, headers?: Record<string, string> }} Answer */
/** @typedef {{ request: Request, url: URL, person: import("./people.mjs").Person, params: Readonly<Record<string, string>> }} Visit */

/** What a redirect can say on the page it leads to. */
const NOTICES = new Map([
  ["connected", "Connected."],
  ["reconnected", "Connected again."],
  ["checked", "HubSpot has answered with a new access token: the connection works."],
  ["disconnected", "Disconnected."],
  ["shared", "Disconnected here. HubSpot's permission stands, because another connection of the same account uses it."],
  [
    "half",
    "Disconnected here. HubSpot could not be told: to end the permission there, remove the app under Connected Apps in its settings.",
  ],
]);

/**
 * Answers the listener of an HTTP server.
 * @param {object} parts
 * @param {Awaited<ReturnType<typeof import("./storage.mjs").openStorage>>} parts.storage
 * @param {import("./sessions.mjs").Sessions} parts.sessions
 * @param {() => number} [parts.now] the emulator's clock, when there is one: it can be put forward
 */
export function createApp({ storage, sessions, now = Date.now }) {
  const { tokenStore, stateStore, connections } = storage;
  const activity = new Activity(now);

  /** @type {HubSpotOAuthClient<Context>} */
  const oauth = HubSpotOAuthClient.fromEnv({
    tokenStore,
    stateStore,
    // Two tenants may connect the same HubSpot account: each has tokens of its own.
    accountId: ({ hubId, context }) => `${context?.tenantId}:${hubId}`,
    apiVersion: "2026-09",
    onEvent: activity.listen,
    now,
  });

  const hubspot = createHandlers(oauth, {
    connectPath: "/hubspot/connect",
    async session(/** @type {Request} */ request) {
      const session = sessions.find(request);
      if (session === undefined) return undefined;
      const { id: binding, person } = session;
      const own = await connections.of(person.tenant.id);
      return { binding, context: { tenantId: person.tenant.id, person: person.name }, accountIds: own.map(({ accountId }) => accountId) };
    },
    async onConnected({ accountId, hubId, tokens, context: { tenantId, person }, reconnected }) {
      const label = (await domainOf(tokens.accessToken)) ?? `HubSpot account ${hubId}`;
      await connections.save({ accountId, tenantId, hubId, label, connectedBy: person });
      return `/accounts/${hubId}?done=${reconnected ? "reconnected" : "connected"}`;
    },
    async onDisconnected({ accountId, errors, sharedWith }) {
      await connections.remove(accountId);
      return `/?done=${errors.length > 0 ? "half" : sharedWith === undefined ? "disconnected" : "shared"}`;
    },
    onError({ code, status, title, text, error, retryPath, returnTo }, request) {
      if (code === "not_signed_in") return "/";
      if (status >= 500) console.error(error);
      const way = retryPath === undefined ? undefined : { label: "Try again", path: retryPath };
      const person = sessions.find(request)?.person;
      const page = layout({ title, content: problemPage({ title, text, way, back: returnTo }), person });
      return new Response(page, { status, headers: pageHeaders });
    },
    extraScopes: EXTRA_SCOPES,
    disconnect: { revoke: "unless-shared" },
  });

  /**
   * What people know a HubSpot account by. It is connected whether HubSpot answers this or not.
   * @param {string} accessToken
   */
  async function domainOf(accessToken) {
    try {
      const found = await oauth.introspect(accessToken);
      return found.active ? found.hubDomain : undefined;
    } catch (error) {
      console.error(error);
      return undefined;
    }
  }

  /**
   * The account of this tenant that the address names; another tenant's is not there.
   * @param {Visit} visit
   */
  async function connectionOf({ person, params }) {
    const own = await connections.of(person.tenant.id);
    return own.find(({ hubId }) => hubId === params["hubId"]);
  }

  /** @type {Readonly<Record<string, (visit: Visit) => Promise<Answer>>>} */
  const routes = {
    async "GET /"({ person }) {
      const own = await connections.of(person.tenant.id);
      const accounts = await Promise.all(
        own.map(async (connection) => ({ connection, account: await oauth.getAccount(connection.accountId) })),
      );
      const ids = own.map(({ accountId }) => accountId);
      return { title: "HubSpot accounts", content: accountsPage(accounts, activity.latest(ids, 8), now()) };
    },

    async "GET /accounts/:hubId"(visit) {
      const connection = await connectionOf(visit);
      if (connection === undefined) return NOT_FOUND;
      const account = await oauth.getAccount(connection.accountId);
      return { title: connection.label, content: accountPage({ connection, account }, activity.latest([connection.accountId], 12), now()) };
    },

    async "POST /accounts/:hubId/check"(visit) {
      const connection = await connectionOf(visit);
      if (connection === undefined) return NOT_FOUND;
      const path = `/accounts/${connection.hubId}`;
      try {
        await oauth.getAccessToken(connection.accountId, { force: true });
        return { redirect: `${path}?done=checked` };
      } catch (error) {
        const { status, title, text } = explain(error);
        // A refusal, or HubSpot out of reach, is part of the account's state now, and stands on its page.
        if (error instanceof ReauthorizationRequiredError || (await oauth.getAccount(connection.accountId))?.lastError !== undefined)
          return { redirect: path };
        console.error(error);
        return { status, title, content: problemPage({ title, text, back: path }) };
      }
    },

    async "GET /accounts/:hubId/disconnect"(visit) {
      const connection = await connectionOf(visit);
      if (connection === undefined) return NOT_FOUND;
      return { title: `Disconnect ${connection.label}?`, content: disconnectPage(connection) };
    },

    async "GET /accounts/:hubId/:feature"(visit) {
      const connection = await connectionOf(visit);
      const feature = features.find(({ path }) => path === visit.params["feature"]);
      if (connection === undefined || feature === undefined) return NOT_FOUND;
      const title = `${feature.label} of ${connection.label}`;
      const cursor = visit.url.searchParams.get("after") ?? undefined;
      try {
        const page = await readRecords(oauth, connection.accountId, feature, cursor);
        return { title, content: recordsPage(connection, feature, page, cursor === undefined) };
      } catch (error) {
        const explanation = explain(error);
        if (explanation.status >= 500) console.error(error);
        const content = recordsProblemPage(connection, explanation, feature, visit.url.pathname + visit.url.search);
        return { status: explanation.status, title: explanation.title, content };
      }
    },
  };

  /**
   * @param {Request} request
   * @param {Response} response
   * @returns {Promise<void>}
   */
  async function answer(request, response) {
    const url = new URL(request.url ?? "/", "http://localhost");
    const method = request.method === "HEAD" ? "GET" : request.method;
    if (url.pathname === "/hubspot/connect") return hubspot.connect(request, response);
    if (url.pathname === "/hubspot/callback") return hubspot.callback(request, response);
    if (url.pathname === "/hubspot/disconnect") return hubspot.disconnect(request, response);
    // A form on another site must not act for anybody. The handlers look at this themselves.
    if (method === "POST" && (request.headers["sec-fetch-site"] ?? "same-origin") !== "same-origin") return send(response, FOREIGN);

    const session = sessions.find(request);
    if (method === "POST" && url.pathname === "/sign-in") {
      const person = findPerson(new URLSearchParams(await readBody(request)).get("person"));
      return send(response, { redirect: "/", ...(person && { headers: { "set-cookie": sessions.begin(person) } }) });
    }
    if (session === undefined) {
      const signIn = { title: "Sign in", content: signInPage() };
      return send(response, url.pathname === "/" && method === "GET" ? signIn : { redirect: "/" });
    }
    const { person } = session;
    if (method === "POST" && url.pathname === "/sign-out")
      return send(response, { redirect: "/", headers: { "set-cookie": sessions.end(session) } });

    for (const [pattern, route] of Object.entries(routes)) {
      const params = match(pattern, `${method} ${url.pathname}`);
      if (params === undefined) continue;
      const notice = NOTICES.get(url.searchParams.get("done") ?? "");
      return send(response, await route({ request, url, person, params }), { person, notice });
    }
    send(response, NOT_FOUND, { person });
  }

  return {
    /**
     * @param {Request} request
     * @param {Response} response
     */
    listener: (request, response) => {
      answer(request, response).catch((error) => {
        console.error(error);
        const { status, title, text } = explain(error);
        send(response, { status, title, content: problemPage({ title, text, way: { label: "Try again", path: "/" } }) });
      });
    },
    close: () => oauth.close(),
  };
}

/** @type {Answer} */
const NOT_FOUND = {
  status: 404,
  title: "Not found",
  content: problemPage({ title: "Not found", text: "There is nothing here, or not for you." }),
};
/** @type {Answer} */
const FOREIGN = { status: 403, title: "Refused", content: problemPage({ title: "Refused", text: "That form came from another site." }) };

/**
 * @param {string} pattern
 * @param {string} path
 * @returns {Record<string, string> | undefined}
 */
function match(pattern, path) {
  const [names, parts] = [pattern.split("/"), path.split("/")];
  if (names.length !== parts.length) return undefined;
  const isSame = names.every((name, index) => name.startsWith(":") || name === parts[index]);
  return isSame ? Object.fromEntries(names.map((name, index) => [name.slice(1), parts[index] ?? ""])) : undefined;
}

/**
 * @param {Response} response
 * @param {Answer} answer
 * @param {Pick<Parameters<typeof layout>[0], "person" | "notice">} [around]
 */
function send(response, answer, around = {}) {
  if (response.headersSent) return void response.end();
  if ("redirect" in answer) response.writeHead(303, { location: answer.redirect, "cache-control": "no-store", ...answer.headers }).end();
  else response.writeHead(answer.status ?? 200, { ...pageHeaders, ...answer.headers }).end(layout({ ...answer, ...around }));
}

/** @param {Request} request */
async function readBody(request) {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += chunk;
    if (body.length > 1_000) break; // more than this form has
  }
  return body;
}
