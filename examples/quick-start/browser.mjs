// @ts-check
/** The same flow for a person: a web app on localhost with the four routes that any app needs, and two buttons to play with time. */
import { once } from "node:events";
import { createServer } from "node:http";
import { HubSpotHttp, isHubSpotOAuthError } from "hubspot-oauth";
import { readContacts } from "./contacts.mjs";
import { setUp } from "./hubspot.mjs";
import { connectedPage, errorPage, welcomePage } from "./pages.mjs";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {(request: Request, response: Response) => Promise<void>} Route */

/**
 * Starts the app and its HubSpot. It has one user, you, so it needs no login; a real app looks up the account of its session's user.
 * @param {number} firstPort the next free one is taken when it is not free
 */
export async function startBrowserApp(firstPort) {
  const server = createServer();
  const origin = `http://localhost:${await listen(server, firstPort)}`;
  const world = await setUp(`${origin}/oauth/callback`);
  const routes = routesOf(world);

  server.on("request", (request, response) => {
    const route = routes[`${request.method} ${request.url?.split("?", 1)[0]}`];
    // Only our own pages may post: another site's form would act in your name. Browsers send this header, other programs need not.
    const foreign = request.method === "POST" && (request.headers["sec-fetch-site"] ?? "same-origin") !== "same-origin";
    if (route === undefined || foreign) sendPage(response, foreign ? 403 : 404, errorPage("There is nothing here."));
    else route(request, response).catch((error) => sendError(response, error));
  });

  return {
    url: `${origin}/`,
    hubspotUrl: world.emulator.origin,
    async close() {
      server.close();
      server.closeAllConnections();
      await world.close();
    },
  };
}

/**
 * @param {import("./hubspot.mjs").World} world
 * @returns {Readonly<Record<string, Route>>}
 */
function routesOf({ emulator, oauth }) {
  const connectedAccount = async () => (await oauth.accounts().next()).value ?? undefined;

  return {
    async "GET /"(_, response) {
      if ((await connectedAccount()) === undefined) sendPage(response, 200, welcomePage());
      else redirect(response, "/contacts");
    },

    async "POST /connect"(_, response) {
      const { url, cookie } = await oauth.createAuthorization({ returnTo: "/contacts" });
      if (cookie !== undefined) response.appendHeader("set-cookie", cookie);
      redirect(response, url);
    },

    async "GET /oauth/callback"(request, response) {
      const done = await oauth.completeAuthorization({ url: request.url ?? "", cookie: request.headers.cookie });
      if (done.clearCookie !== undefined) response.appendHeader("set-cookie", done.clearCookie);
      redirect(response, done.returnTo ?? "/");
    },

    async "GET /contacts"(_, response) {
      const account = await connectedAccount();
      if (account === undefined) return redirect(response, "/");
      const contacts = await readContacts(new HubSpotHttp({ credential: oauth.account(account.accountId) }), 10);
      sendPage(response, 200, connectedPage(contacts, (await connectedAccount()) ?? account, emulator));
    },

    async "POST /time"(_, response) {
      emulator.advance(30 * 60_000);
      redirect(response, "/contacts");
    },

    async "POST /disconnect"(_, response) {
      const account = await connectedAccount();
      if (account !== undefined) await oauth.disconnect(account.accountId);
      redirect(response, "/");
    },
  };
}

/**
 * @param {Response} response
 * @param {string} location
 */
function redirect(response, location) {
  // no-referrer: the callback's URL holds the code.
  response.writeHead(303, { location, "cache-control": "no-store", "referrer-policy": "no-referrer" }).end();
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {string} html
 */
function sendPage(response, status, html) {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(html);
}

/**
 * The library's errors say what happened and what to do, and never hold a secret; others are for the log only.
 * @param {Response} response
 * @param {unknown} error
 */
function sendError(response, error) {
  if (!isHubSpotOAuthError(error)) {
    console.error(error);
    return sendPage(response, 500, errorPage("Something went wrong here, not at HubSpot."));
  }
  if ("clearCookie" in error && typeof error.clearCookie === "string") response.appendHeader("set-cookie", error.clearCookie);
  sendPage(response, error.retryable ? 503 : 400, errorPage(error.message, error.code));
}

/**
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<number>}
 */
async function listen(server, port) {
  try {
    server.listen(port, "localhost");
    await once(server, "listening");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EADDRINUSE") throw error;
    return listen(server, port + 1);
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
