// What goes wrong at HubSpot during the soak: every kind of fault that the emulator knows, with its chance in a thousand requests. Refusals of a
// refresh token are not among them: those end a grant, and come from `hubspot.mjs`, which keeps account of them.

const API = [
  [4, { kind: "rate-limit" }],
  [2, { kind: "rate-limit", policy: "SECONDLY", retryAfter: "1" }],
  [8, { kind: "server-error", status: 502 }],
  [5, { kind: "server-error", status: 503, retryAfter: "1" }],
  [2, { kind: "server-error" }],
  [2, { kind: "cloudflare" }],
  [1, { kind: "cloudflare", status: 429 }],
  [0.5, { kind: "hang" }],
  [0.5, { kind: "hang", process: true }],
  [3, { kind: "reset" }],
  [2, { kind: "reset", when: "processed" }],
  [3, { kind: "reset", when: "mid-body" }],
  [8, { kind: "delay", delayMs: 400 }],
  [4, { kind: "drip", bytes: 1_024, intervalMs: 40 }],
  [2, { kind: "html" }],
  [1, { kind: "html", status: 503 }],
  [2, { kind: "empty" }],
  [2, { kind: "truncated" }],
  [2, { kind: "truncated", framing: "content-length" }],
  [3, { kind: "wrong-content-type" }],
  [3, { kind: "unauthorized" }],
  [1, { kind: "unauthorized", category: "INVALID_AUTHENTICATION" }],
  [1, { kind: "unauthorized", category: "UNDECODABLE" }],
  [1, { kind: "unauthorized", category: "BLANK" }],
  [2, { kind: "missing-scopes" }],
  [1, { kind: "gated" }],
  [2, { kind: "locked" }],
  [1, { kind: "migration", retryAfterSeconds: 1 }],
  [3, { kind: "partial" }],
  [2, { kind: "error-as-success" }],
  [1, { kind: "v1-sunset" }],
  [3, { kind: "duplicate-keys" }],
  [2, { kind: "missing-fields", fields: ["paging", "id"] }],
  [0.5, { kind: "oversized", bytes: 262_144 }],
  [1, { kind: "answer", status: 418, body: "a teapot" }],
];

const TOKEN = [
  [2, { kind: "rate-limit", policy: "TOKEN_ENDPOINT", retryAfter: "1" }],
  [20, { kind: "server-error", status: 503 }],
  [5, { kind: "server-error", status: 500, retryAfter: "1" }],
  [5, { kind: "cloudflare" }],
  [2, { kind: "hang" }],
  [2, { kind: "hang", process: true }],
  [10, { kind: "reset" }],
  [10, { kind: "reset", when: "processed" }],
  [5, { kind: "reset", when: "mid-body" }],
  [10, { kind: "delay", delayMs: 600 }],
  [10, { kind: "drip", bytes: 200, intervalMs: 30 }],
  [5, { kind: "html" }],
  [5, { kind: "empty" }],
  [5, { kind: "truncated" }],
  [5, { kind: "truncated", framing: "content-length" }],
  [5, { kind: "wrong-content-type" }],
  [2, { kind: "unauthorized", category: "BLANK" }],
  [2, { kind: "gated" }],
  [2, { kind: "locked" }],
  [2, { kind: "migration", retryAfterSeconds: 1 }],
  [5, { kind: "partial" }],
  [5, { kind: "error-as-success" }],
  [2, { kind: "v1-sunset" }],
  [5, { kind: "duplicate-keys" }],
  [5, { kind: "missing-fields" }],
  [5, { kind: "missing-fields", fields: ["access_token"] }],
  [1, { kind: "oversized", bytes: 65_536 }],
  // Refusals to be doubted, and some that are about the app: neither ends a grant.
  [5, { kind: "token-error", status: "BAD_REFRESH_TOKEN", httpStatus: 503 }],
  [2, { kind: "token-error", status: "BAD_HUB", httpStatus: 500 }],
  [2, { kind: "token-error", status: "BAD_CLIENT_SECRET" }],
  [2, { kind: "token-error", status: "BAD_SCOPES" }],
  [2, { kind: "answer", status: 400, body: "no" }],
];

/** Puts them in force, by one row of dice: each request rolls once. `met` hears of each request that meets one. */
export function addFaults(emulator, random, met) {
  const missing = emulator.faults.kinds.filter(({ kind }) => ![...API, ...TOKEN].some(([, fault]) => fault.kind === kind));
  if (missing.length > 0) throw new Error(`The soak knows no ${missing.map(({ kind }) => kind).join(", ")}: faults.mjs has to follow.`);
  let rolled = { id: 0, fault: undefined };
  const faultOf = (request) => {
    if (rolled.id !== request.id) {
      const table = request.route === "token" ? TOKEN : isApi(request) ? API : [];
      rolled = { id: request.id, fault: roll(table, random) };
    }
    return rolled.fault;
  };
  for (const [, fault] of [...API, ...TOKEN]) {
    const match = (request) => {
      if (faultOf(request) !== fault) return false;
      met(request, fault);
      return true;
    };
    emulator.faults.add({ match, fault, times: Number.POSITIVE_INFINITY });
  }
}

function isApi({ route }) {
  return route !== "unknown" && route !== "authorize" && route !== "consent";
}

function roll(table, random) {
  let left = random.fraction() * 1_000;
  for (const [chance, fault] of table) if ((left -= chance) < 0) return fault;
  return undefined;
}
