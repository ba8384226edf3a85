// One process of a fleet, with a client of its own on the shared store. Forked by fleet.mjs, which says over IPC what to do.
import { createHash } from "node:crypto";
import process from "node:process";
import { answerQuestions } from "../herds/questions.mjs";
import { quantile } from "../statistics.mjs";
import { countedStore } from "./counted-stores.mjs";

const [kind, url, origin, dist, atOnce] = process.argv.slice(2);
const { HubSpotOAuthClient } = await import(`${dist}/index.js`);
const store = await countedStore(kind, url, dist);
let offsetMs = 0;
const oauth = new HubSpotOAuthClient({
  clientId: "fleet",
  clientSecret: "fleet-secret",
  redirectUri: "https://app.example.com/callback",
  scopes: ["crm.objects.contacts.read"],
  apiVersion: "2026-09",
  apiOrigin: origin,
  authorizeOrigin: origin,
  tokenStore: store.tokenStore,
  now: () => Date.now() + offsetMs,
});

process.on("disconnect", () => process.exit());
answerQuestions(process, {
  /** Stores the first tokens of every account. */
  save: (grants) =>
    forEach(grants, async ({ hubId, accessToken, refreshToken, scopes }) => {
      await oauth.saveTokens({ accessToken, refreshToken, hubId, scopes, expiresAtMs: Date.now() + offsetMs + 1_800_000 });
    }),
  forward: (toMs) => void (offsetMs = toMs),
  /** Asks for every account's token, in this order; answers what that took, and a digest of what it got. */
  async tokens(hubIds) {
    const tokens = new Map(hubIds.toSorted().map((hubId) => [hubId, ""]));
    const waits = [];
    const cpu = process.cpuUsage();
    store.counts();
    const startMs = performance.now();
    await forEach(hubIds, async (hubId) => {
      const sinceMs = performance.now();
      tokens.set(hubId, await oauth.getAccessToken(hubId));
      waits.push(performance.now() - sinceMs);
    });
    const elapsedMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    const hash = createHash("sha256");
    for (const token of tokens.values()) hash.update(token);
    return {
      elapsedMs,
      cpuMs: (user + system) / 1_000,
      waitMs: { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), most: Math.max(...waits) },
      commands: store.counts(),
      digest: hash.digest("hex"),
    };
  },
  node: () => process.version,
  async finish() {
    await oauth.close();
    await store.close();
  },
});
process.send({ ready: true });

/** So many at a time. */
async function forEach(items, work) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++]);
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, worker));
}
