// What bench:herds saw, as tables and charts: counts of the token server and of the callers, medians over the rounds with the whole range.
import { barChart } from "../charts.mjs";
import { quantile } from "../statistics.mjs";

const LABELS = {
  ours: "hubspot-oauth",
  badgateway: "@badgateway/oauth2-client",
  google: "google-auth-library",
  "simple-oauth2": "simple-oauth2",
  "openid-client": "openid-client",
  oauth4webapi: "oauth4webapi",
  hubspot: "@hubspot/api-client",
};
const PLACES = { memory: "one process", redis: "on Redis", postgres: "on PostgreSQL" };

/** What was done. */
export function introOf({ callers, processes, share, latencyMs }, withPeers) {
  return [
    `Every process has used the account and holds a good token. Half an hour passes, and all callers ask for a token at once: ${whole(callers)} in one ` +
      `process, then ${processes} processes with ${whole(share)} callers each that share a Redis or a PostgreSQL. A token call takes ${latencyMs} ms. Then half an hour ` +
      "passes again and one caller of each process asks, one after the other.",
    "Refresh tokens are kept, as HubSpot does today, or replaced at each refresh, with the old one dead at once. Calls are counted by the token " +
      "server, which also says of each token that was handed out whether it would take it. Rejected callers got an error and no token; the time is that of the " +
      "others.",
    ...(withPeers
      ? [
          "Each peer is used as its documentation says, without a lock that the documentation does not have: `@badgateway/oauth2-client` by one " +
            "`OAuth2Fetch` per process with `getStoredToken` and `storeToken`, `google-auth-library` by one `OAuth2Client` per process with its `tokens` " +
            "event, `simple-oauth2` by `expired()` and `refresh()` on the token that was persisted. The documents of `openid-client`, `oauth4webapi` and " +
            "`@hubspot/api-client` show the refresh request and say nothing of sharing: there, each caller reads a JSON text before, and writes it after.",
        ]
      : ["The peers were not installed for this run."]),
  ];
}

/** One for each store. */
export function tablesOf(herds, services) {
  return [...new Set(herds.map(({ store }) => store))].map((store) => {
    const here = herds.filter((herd) => herd.store === store);
    const [{ processes, callers }] = here;
    return {
      title: `${whole(callers)} callers, ${store === "memory" ? PLACES.memory : `${processes} processes ${PLACES[store]}`}`,
      head: [
        "",
        "refresh tokens",
        "token calls",
        "refused",
        "rejected callers",
        "stale tokens",
        "ms until the last has its token",
        "half an hour later",
      ],
      rows: here.map(({ contender, replaces, processes: all, runs }) => [
        LABELS[contender],
        replaces ? "replaced" : "kept",
        spread(runs.map((run) => run.tokenCalls)),
        spread(runs.map((run) => run.refusedCalls)),
        spread(runs.map((run) => run.rejected)),
        spread(runs.map((run) => run.stale)),
        spread(runs.map((run) => run.lastServedMs).filter((ms) => ms !== null)),
        later(runs, all),
      ]),
      note: noteOf(store, services[store], here),
    };
  });
}

function later(runs, processes) {
  const failed = runs.map(({ next }) => next.failedProcesses);
  const calls = spread(runs.map(({ next }) => next.tokenCalls));
  const refreshed = `${calls} token call${calls === "1" ? "" : "s"}`;
  return Math.max(...failed) === 0 ? refreshed : `${refreshed}, ${spread(failed)} of ${processes} without a token`;
}

function noteOf(store, service, herds) {
  const counts = [...new Set(herds.map(({ runs }) => runs.length))];
  const [most, ...fewer] = counts.toSorted((a, b) => b - a);
  const those = (count) =>
    [...new Set(herds.filter(({ runs }) => runs.length === count).map(({ contender }) => LABELS[contender]))].join(", ");
  const rounds = [
    `Median (range) of ${most} herd${most === 1 ? "" : "s"}`,
    ...fewer.map((count) => `of ${count} for ${those(count)}`),
  ].join("; ");
  return service === undefined
    ? `${rounds}.`
    : `${rounds}. ${store === "redis" ? "Redis" : "PostgreSQL"} ${service.version}, ${service.durability}.`;
}

/** Token calls and rejected callers where they are most: several processes, refresh tokens replaced. */
export function chartsOf(herds) {
  const shared = herds.filter(({ store, replaces }) => store !== "memory" && replaces);
  const [first] = shared;
  if (first === undefined) return [];
  const here = shared.filter(({ store }) => store === first.store);
  const place = `${whole(first.callers)} callers in ${first.processes} processes ${PLACES[first.store]}`;
  const chart = (name, title, unit, valueOf) => {
    const bars = here.map(({ contender, runs }) => {
      const values = runs.map(valueOf);
      return {
        label: LABELS[contender],
        value: quantile(values, 0.5),
        low: Math.min(...values),
        high: Math.max(...values),
        emphasis: contender === "ours",
      };
    });
    const alt = `${title}: ${bars.map(({ label, value }) => `${label} ${whole(value)}`).join(", ")}`;
    return { name, svg: barChart({ title, unit, bars }), alt };
  };
  return [
    chart("token-calls", `Token calls for one expired token: ${place}`, "token calls", (run) => run.tokenCalls),
    chart("rejected", `Callers without a token when refresh tokens are replaced: ${place}`, "callers", (run) => run.rejected),
  ];
}

function spread(values) {
  if (values.length === 0) return "-";
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => whole(value));
  const median = whole(quantile(values, 0.5));
  return least === most ? median : `${median} (${least}-${most})`;
}

function whole(value) {
  return Math.round(value).toLocaleString("en");
}
