// HubSpot's token endpoint for herds, in a process of its own: it counts refreshes, answers each after a network's time, and knows which
// tokens it would take. Refresh tokens are kept, as HubSpot does today, or replaced at each refresh with the old one dead at once.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { answerQuestions } from "./questions.mjs";

const LIFE_SECONDS = 1_800;
const TOKEN_PATH = /^\/oauth\/(?:v1|v3|2026-03|2026-09)\/token$/;
/** All of a herd may come over connections of their own, at once. */
const BACKLOG = 16_384;

let settings = { replaces: false, latencyMs: 50 };
let offsetMs = 0; // How far its clock was put forward, as those of the callers.
let refreshToken = "";
const accessTokens = new Map(); // Token → when it ends.
let calls = noCalls();

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const isRefresh = request.method === "POST" && TOKEN_PATH.test(request.url) && form.get("grant_type") === "refresh_token";
    const [status, body] = isRefresh ? refresh(form) : [404, { status: "error", message: "Not a refresh." }];
    setTimeout(() => {
      response.writeHead(status, { "content-type": "application/json;charset=utf-8" }).end(JSON.stringify(body));
    }, settings.latencyMs);
  });
});

function refresh(form) {
  if (form.get("client_id") !== "herd" || form.get("client_secret") !== "herd-secret") {
    calls.wrongClient++;
    return [400, { status: "BAD_CLIENT_SECRET", message: "client_secret does not match", error: "invalid_client" }];
  }
  if (form.get("refresh_token") !== refreshToken) {
    calls.refused++;
    return [400, { status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token", error: "invalid_grant" }];
  }
  calls.accepted++;
  if (settings.replaces) refreshToken = newToken();
  return [200, issue()];
}

function issue() {
  const accessToken = newToken();
  accessTokens.set(accessToken, now() + LIFE_SECONDS * 1_000);
  const hub = { hub_id: 62_515, scopes: ["crm.objects.contacts.read"], token_use: "access_token" };
  return { token_type: "bearer", access_token: accessToken, refresh_token: refreshToken, expires_in: LIFE_SECONDS, ...hub };
}

function noCalls() {
  return { accepted: 0, refused: 0, wrongClient: 0 };
}

function newToken() {
  return randomBytes(24).toString("base64url");
}

function now() {
  return Date.now() + offsetMs;
}

// A herd takes its time, and its connections must not end between two of them: that would be this server's fault, not the callers'.
Object.assign(server, { keepAliveTimeout: 600_000, headersTimeout: 0, requestTimeout: 0 });
server.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
answerQuestions(process, {
  /** A new grant; answers its first tokens, and how far the clock has been put forward by now. */
  begin(chosen) {
    settings = chosen;
    refreshToken = newToken();
    accessTokens.clear();
    calls = noCalls();
    return { issued: issue(), offsetMs };
  },
  forward: (toMs) => void (offsetMs = toMs),
  /** The calls since the last time. */
  calls() {
    const counted = calls;
    calls = noCalls();
    return counted;
  },
  /** Those of the tokens that it does not take, or no more. */
  stale: (tokens) => tokens.filter((token) => !(accessTokens.get(token) > now())),
});
