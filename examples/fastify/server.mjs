// @ts-check
/** HubSpot in a Fastify app: sessions of @fastify/session, the plugin of `hubspot-oauth/handlers/fastify`, two pages that call HubSpot. */
import { randomBytes } from "node:crypto";
import cookie from "@fastify/cookie";
import formbody from "@fastify/formbody";
import session from "@fastify/session";
import Fastify from "fastify";
import { HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { createPlugin } from "hubspot-oauth/handlers/fastify";
import { DEALS_SCOPE, explain, readContacts, readDeals } from "../web-app/crm.mjs";
import { homePage, listPage, pageHeaders, problemPage, signInPage } from "../web-app/pages.mjs";
import { findUser } from "../web-app/users.mjs";

/** @type {HubSpotOAuthClient<{ userId: string }>} */
const oauth = HubSpotOAuthClient.fromEnv({
  tokenStore: new MemoryTokenStore(), // gone when the process ends: a real app keeps tokens in its database
  accountId: ({ context }) => context?.userId ?? "", // one HubSpot account per user, found by the user's own id
  apiVersion: "2026-09",
});

/** @param {import("fastify").FastifyRequest} request */
const userOf = (request) => findUser(/** @type {{ userId?: string }} */ (request.session).userId);

const app = Fastify({ forceCloseConnections: true });
await app.register(cookie);
await app.register(session, {
  secret: process.env["SESSION_SECRET"] ?? randomBytes(32).toString("hex"), // without one of its own, a restart signs everybody out
  cookie: { httpOnly: true, sameSite: "lax", secure: process.env["HUBSPOT_REDIRECT_URI"]?.startsWith("https:") ?? false },
  saveUninitialized: false,
});
await app.register(formbody);

await app.register(
  createPlugin(oauth, {
    session: (/** @type {import("fastify").FastifyRequest} */ request) => {
      const user = userOf(request);
      // `binding`: whoever comes back from HubSpot has to be in the session that went there.
      return user && { binding: request.session.sessionId, context: { userId: user.id }, accountIds: [user.id] };
    },
    onConnected: ({ accountId, hubId }) => console.log(`${accountId} has connected HubSpot account ${hubId}.`),
    onError: ({ code, error }) => {
      if (error !== undefined) console.error(error);
      return code === "not_signed_in" ? "/" : undefined;
    },
    extraScopes: [DEALS_SCOPE], // what links may ask for by `scope=`
    disconnect: { revoke: "unless-shared" },
  }),
  { prefix: "/hubspot" }, // so the routes are /hubspot/connect, /hubspot/callback and /hubspot/disconnect
);

// The pages, in a scope of their own: the rule for posts is theirs, the handlers above look at this themselves.
await app.register(async (pages) => {
  pages.addHook("onRequest", async (request, reply) => {
    reply.headers(pageHeaders);
    // A form on another site must not sign anybody in or out.
    if (request.method === "POST" && (request.headers["sec-fetch-site"] ?? "same-origin") !== "same-origin") return reply.code(403).send();
  });

  pages.post("/sign-in", async (request, reply) => {
    const user = findUser(/** @type {{ user?: string } | undefined} */ (request.body)?.user);
    // A new session id, so that nobody who knew the old one is signed in with it.
    await request.session.regenerate();
    if (user !== undefined) Object.assign(request.session, { userId: user.id });
    return reply.redirect("/", 303);
  });

  pages.post("/sign-out", async (request, reply) => {
    await request.session.destroy();
    return reply.redirect("/", 303);
  });

  pages.get("/", async (request) => {
    const user = userOf(request);
    return user === undefined ? signInPage() : homePage(user, await oauth.getAccount(user.id));
  });

  for (const [path, title, read] of /** @type {const} */ ([
    ["/contacts", "Contacts", readContacts],
    ["/deals", "Deals", readDeals],
  ])) {
    pages.get(path, async (request, reply) => {
      const user = userOf(request);
      if (user === undefined) return reply.redirect("/", 303);
      try {
        return listPage(title, await read(oauth, user.id));
      } catch (error) {
        const problem = explain(error);
        return reply.code(problem.status).send(problemPage(problem, user.id, path));
      }
    });
  }
});

app.addHook("onClose", () => oauth.close());
await app.listen({ port: Number(process.env["PORT"]), host: "localhost" });
console.log(`Open http://localhost:${process.env["PORT"]}/\nCtrl-C ends it.`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void app.close());
