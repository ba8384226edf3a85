// HubSpot's token endpoint for a fleet, in a process of its own: it counts refreshes per account, and replaces each refresh token that is
// used. Whoever sends one twice is refused: a harder rule than HubSpot's today, so that a refresh too many would be seen.
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { answerQuestions } from "../herds/questions.mjs";
import { newAccessToken } from "./records.mjs";

const LIFE_SECONDS = 1_800;
const SCOPES = ["oauth", "crm.objects.contacts.read"];

const grants = new Map(); // Account → its tokens, and how often it was refreshed since the last count.
const owners = new Map(); // Refresh token → account.
let latencyMs = 0;
let refused = 0;

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const [status, body] = refresh(new URLSearchParams(Buffer.concat(chunks).toString()));
    setTimeout(() => {
      response.writeHead(status, { "content-type": "application/json;charset=utf-8" }).end(JSON.stringify(body));
    }, latencyMs);
  });
});

function refresh(form) {
  const hubId = form.get("grant_type") === "refresh_token" ? owners.get(form.get("refresh_token")) : undefined;
  if (hubId === undefined) {
    refused++;
    return [400, { status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token", error: "invalid_grant" }];
  }
  owners.delete(form.get("refresh_token"));
  const grant = issue(hubId, grants.get(hubId).refreshes + 1);
  return [
    200,
    {
      token_type: "bearer",
      access_token: grant.accessToken,
      refresh_token: grant.refreshToken,
      expires_in: LIFE_SECONDS,
      hub_id: Number(hubId),
      scopes: SCOPES,
    },
  ];
}

function issue(hubId, refreshes) {
  const grant = { hubId, accessToken: newAccessToken(), refreshToken: `na1-${randomUUID()}`, scopes: SCOPES, refreshes };
  grants.set(hubId, grant);
  owners.set(grant.refreshToken, hubId);
  return grant;
}

// An expiry takes its time, and a connection must not end between two of them: that would be this server's fault.
Object.assign(server, { keepAliveTimeout: 600_000, headersTimeout: 0, requestTimeout: 0 });
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
answerQuestions(process, {
  /** Connects these accounts anew; answers their first tokens. */
  connect(given) {
    latencyMs = given.latencyMs;
    grants.clear();
    owners.clear();
    return given.hubIds.map((hubId) => issue(hubId, 0));
  },
  /** How many accounts were refreshed how often since the last time, and how many requests were refused. */
  counts() {
    const distribution = {};
    for (const grant of grants.values()) {
      distribution[grant.refreshes] = (distribution[grant.refreshes] ?? 0) + 1;
      grant.refreshes = 0;
    }
    const answer = { distribution, refused };
    refused = 0;
    return answer;
  },
  /** One digest of all tokens that are good now, in the order of the accounts. */
  digest: () => [...grants.values()].reduce((hash, { accessToken }) => hash.update(accessToken), createHash("sha256")).digest("hex"),
});
