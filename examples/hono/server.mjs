// @ts-check
/** HubSpot in a Hono app: a signed cookie for the session, the handlers of `hubspot-oauth/handlers/fetch`, two pages that call HubSpot. */
import { randomBytes } from "node:crypto";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import { HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { createHandlers } from "hubspot-oauth/handlers/fetch";
import { DEALS_SCOPE, explain, readContacts, readDeals } from "../web-app/crm.mjs";
import { homePage, listPage, pageHeaders, problemPage, signInPage } from "../web-app/pages.mjs";
import { findUser } from "../web-app/users.mjs";

/** @type {HubSpotOAuthClient<{ userId: string }>} */
const oauth = HubSpotOAuthClient.fromEnv({
  tokenStore: new MemoryTokenStore(), // gone when the process ends: a real app keeps tokens in its database
  accountId: ({ context }) => context?.userId ?? "", // one HubSpot account per user, found by the user's own id
  apiVersion: "2026-09",
});

// The whole session is a signed cookie that names the user. That is little: it cannot be ended from here, and there is no session id.
const secret = process.env["SESSION_SECRET"] ?? randomBytes(32).toString("hex"); // without one of its own, a restart signs everybody out
const secure = process.env["HUBSPOT_REDIRECT_URI"]?.startsWith("https:") ?? false;

/** @param {import("hono").Context} c */
const userOf = async (c) => findUser(await getSignedCookie(c, secret, "session"));

const hubspot = createHandlers(oauth, {
  connectPath: "/hubspot/connect",
  // No `binding`, for want of a session id: each flow gets a cookie of its own. Whose flow it is, `context` says at its end.
  session: async (/** @type {{ request: Request, c: import("hono").Context }} */ { c }) => {
    const user = await userOf(c);
    return user && { context: { userId: user.id }, accountIds: [user.id] };
  },
  onConnected: ({ accountId, hubId }) => console.log(`${accountId} has connected HubSpot account ${hubId}.`),
  onError: ({ code, error }) => {
    if (error !== undefined) console.error(error);
    return code === "not_signed_in" ? "/" : undefined;
  },
  extraScopes: [DEALS_SCOPE], // what links may ask for by `scope=`
  disconnect: { revoke: "unless-shared" },
});

const app = new Hono();
app.all("/hubspot/connect", (c) => hubspot.connect({ request: c.req.raw, c }));
app.all("/hubspot/callback", (c) => hubspot.callback({ request: c.req.raw, c }));
app.all("/hubspot/disconnect", (c) => hubspot.disconnect({ request: c.req.raw, c }));

app.use(csrf()); // a form on another site must not sign anybody in or out; the handlers above look at this themselves
app.use(async (c, next) => {
  for (const [name, value] of Object.entries(pageHeaders)) c.header(name, value);
  await next();
});

app.post("/sign-in", async (c) => {
  const user = findUser((await c.req.parseBody())["user"]);
  if (user !== undefined) await setSignedCookie(c, "session", user.id, secret, { httpOnly: true, sameSite: "Lax", secure });
  return c.redirect("/", 303);
});

app.post("/sign-out", (c) => {
  deleteCookie(c, "session", { secure });
  return c.redirect("/", 303);
});

app.get("/", async (c) => {
  const user = await userOf(c);
  return c.body(user === undefined ? signInPage() : homePage(user, await oauth.getAccount(user.id)));
});

for (const [path, title, read] of /** @type {const} */ ([
  ["/contacts", "Contacts", readContacts],
  ["/deals", "Deals", readDeals],
])) {
  app.get(path, async (c) => {
    const user = await userOf(c);
    if (user === undefined) return c.redirect("/", 303);
    try {
      return c.body(listPage(title, await read(oauth, user.id)));
    } catch (error) {
      const problem = explain(error);
      return c.body(problemPage(problem, user.id, path), /** @type {409} */ (problem.status));
    }
  });
}

const server = serve({ fetch: app.fetch, port: Number(process.env["PORT"]), hostname: "localhost" }, () =>
  console.log(`Open http://localhost:${process.env["PORT"]}/\nCtrl-C ends it.`),
);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    server.close(() => void oauth.close());
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
}
