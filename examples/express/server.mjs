// @ts-check
/** HubSpot in an Express app: sessions of express-session, the handlers of `hubspot-oauth/handlers/node`, two pages that call HubSpot. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import express from "express";
import session from "express-session";
import { HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { createHandlers } from "hubspot-oauth/handlers/node";
import { DEALS_SCOPE, explain, readContacts, readDeals } from "../web-app/crm.mjs";
import { homePage, listPage, pageHeaders, problemPage, signInPage } from "../web-app/pages.mjs";
import { findUser } from "../web-app/users.mjs";

/** @type {HubSpotOAuthClient<{ userId: string }>} */
const oauth = HubSpotOAuthClient.fromEnv({
  tokenStore: new MemoryTokenStore(), // gone when the process ends: a real app keeps tokens in its database
  accountId: ({ context }) => context?.userId ?? "", // one HubSpot account per user, found by the user's own id
  apiVersion: "2026-09",
});

/** @param {express.Request} request */
const userOf = (request) => findUser(/** @type {{ userId?: string }} */ (request.session).userId);

const hubspot = createHandlers(oauth, {
  connectPath: "/hubspot/connect",
  session: (/** @type {express.Request} */ request) => {
    const user = userOf(request);
    // `binding`: whoever comes back from HubSpot has to be in the session that went there.
    return user && { binding: request.sessionID, context: { userId: user.id }, accountIds: [user.id] };
  },
  onConnected: ({ accountId, hubId }) => console.log(`${accountId} has connected HubSpot account ${hubId}.`),
  onError: ({ code, error }) => {
    if (error !== undefined) console.error(error);
    return code === "not_signed_in" ? "/" : undefined;
  },
  extraScopes: [DEALS_SCOPE], // what links may ask for by `scope=`
  disconnect: { revoke: "unless-shared" },
});

const app = express();
app.use(
  session({
    secret: process.env["SESSION_SECRET"] ?? randomBytes(32).toString("hex"), // without one of its own, a restart signs everybody out
    cookie: { httpOnly: true, sameSite: "lax", secure: process.env["HUBSPOT_REDIRECT_URI"]?.startsWith("https:") ?? false },
    resave: false,
    saveUninitialized: false,
  }),
);

app.all("/hubspot/connect", hubspot.connect);
app.all("/hubspot/callback", hubspot.callback);
app.all("/hubspot/disconnect", hubspot.disconnect);

app.use((request, response, next) => {
  response.set(pageHeaders);
  // A form on another site must not sign anybody in or out. The handlers above look at this themselves.
  if (request.method === "POST" && (request.get("sec-fetch-site") ?? "same-origin") !== "same-origin") response.status(403).end();
  else next();
});

app.post("/sign-in", express.urlencoded(), async (request, response) => {
  const user = findUser(request.body?.user);
  // A new session id, so that nobody who knew the old one is signed in with it.
  await new Promise((resolve) => request.session.regenerate(resolve));
  if (user !== undefined) Object.assign(request.session, { userId: user.id });
  response.redirect(303, "/");
});

app.post("/sign-out", (request, response) => request.session.destroy(() => response.redirect(303, "/")));

app.get("/", async (request, response) => {
  const user = userOf(request);
  response.send(user === undefined ? signInPage() : homePage(user, await oauth.getAccount(user.id)));
});

for (const [path, title, read] of /** @type {const} */ ([
  ["/contacts", "Contacts", readContacts],
  ["/deals", "Deals", readDeals],
])) {
  app.get(path, async (request, response) => {
    const user = userOf(request);
    if (user === undefined) return response.redirect(303, "/");
    try {
      response.send(listPage(title, await read(oauth, user.id)));
    } catch (error) {
      const problem = explain(error);
      response.status(problem.status).send(problemPage(problem, user.id, path));
    }
  });
}

const server = app.listen(Number(process.env["PORT"]), "localhost");
await once(server, "listening");
console.log(`Open http://localhost:${process.env["PORT"]}/\nCtrl-C ends it.`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    server.close(() => void oauth.close());
    server.closeAllConnections();
  });
}
