// Every rule of a safe refresh as the code it stands on, and what the code becomes without it. `from` must stand exactly once in the file.
// The numbers are those of the rules a distributed refresh has to keep (R1 to R12); rules without a number are this library's own.

const COORDINATOR = "src/refresh.ts";
const REFRESHER = "src/token-refresher.ts";
const WRITER = "src/token-writer.ts";
const RECORDS = "src/account-records.ts";
const ACCOUNT = "src/account-tokens.ts";
const MERGE = "src/refreshed-record.ts";

export const rules = [
  {
    rule: "R1",
    removes: "reading the record again under the lease",
    edits: [
      [
        REFRESHER,
        "await this.#refresh(account, wanted, { lease, sinceMs })",
        "await this.#refresh(account, wanted, { lease, sinceMs }, record)",
      ],
      [
        REFRESHER,
        "async #refresh(account: AccountTokens, wanted: Wanted, holding: Holding): Promise<TokenInUse | undefined> {",
        "async #refresh(account: AccountTokens, wanted: Wanted, holding: Holding, record: StoredTokens | undefined): Promise<TokenInUse | undefined> {",
      ],
      [
        REFRESHER,
        "    const epoch = this.#writer.epoch(account.id);\n    const record = await this.current(account);\n    const ready",
        "    const epoch = this.#writer.epoch(account.id);\n    const ready",
      ],
    ],
  },
  {
    rule: "R2",
    removes: "looking at the age of the lease, by the monotonic clock, before the POST",
    edits: [
      [REFRESHER, 'if (typeof holding.lease !== "string" && performance.now() - holding.sinceMs > LEASE_MARGIN_MS) return undefined;', ""],
    ],
  },
  {
    rule: "R3",
    removes: "a lease that lasts longer than the POST and the write",
    edits: [[REFRESHER, "this.leaseMs = options.timeoutMs + STORE_TIMEOUT_MS + LEASE_MARGIN_MS;", "this.leaseMs = 5_000;"]],
  },
  {
    rule: "R4",
    removes: "keeping callers' signals away from the POST",
    edits: [
      [REFRESHER, "  readonly leaseMs: number;\n", "  readonly leaseMs: number;\n  signal: AbortSignal | undefined;\n"],
      [REFRESHER, 'from "./token-writer.js";\n', 'from "./token-writer.js";\nimport { waitFor } from "./waiting.js";\n'],
      [COORDINATOR, "    const work = this.#token(", "    this.#refresher.signal ??= options.signal;\n    const work = this.#token("],
      [
        REFRESHER,
        "response = await requestRefresh(record.refreshToken);",
        "response = await waitFor(requestRefresh(record.refreshToken), { signal: this.signal });",
      ],
    ],
  },
  {
    rule: "R5",
    removes: "storing the new tokens before they are handed out",
    edits: [
      [
        REFRESHER,
        "if (next !== undefined && (await this.#writer.persist(account.id, record, next, epoch)) !== next) return undefined;",
        "if (next !== undefined) this.#writer.persist(account.id, record, next, epoch).catch(() => undefined);",
      ],
    ],
  },
  {
    rule: "R5 odd answers",
    removes: "saving a new refresh token from an answer that is odd otherwise",
    edits: [[MERGE, "return refreshToken === record.refreshToken ? undefined : next;", "return undefined;"]],
  },
  {
    rule: "R6",
    removes: "giving way to whoever won the compare-and-set",
    edits: [
      [WRITER, "const ours = standing !== undefined && passage.attempted.has(standing.version);", "const ours = standing !== undefined;"],
    ],
  },
  {
    rule: "R6 comparing",
    removes: "the version from the write",
    edits: [[RECORDS, "this.#store.set(accountId, copy, { ifVersion })", "this.#store.set(accountId, copy)"]],
  },
  {
    rule: "R7",
    removes: "keeping tokens that the store did not take, and writing them again",
    edits: [
      [
        WRITER,
        '      this.#keep(accountId, passage);\n      this.#emit("refresh.persist-pending"',
        '      this.#emit("refresh.persist-pending"',
      ],
    ],
  },
  {
    rule: "R7 lease",
    removes: "keeping the lease while tokens are only in memory",
    edits: [
      [
        REFRESHER,
        "if (this.#writer.pending(account.id) === undefined) await this.#records.release(account.id, lease);\n          else account.kept ??= lease;",
        "await this.#records.release(account.id, lease);",
      ],
    ],
  },
  {
    rule: "R7 close",
    removes: "the last try of close()",
    edits: [[COORDINATOR, "    await this.#writer.close();\n", ""]],
  },
  {
    rule: "R8",
    removes: "reading again before a refusal is believed",
    edits: [
      [
        REFRESHER,
        "    const epoch = this.#writer.epoch(account.id);\n    const standing = await this.current(account);\n",
        "    const epoch = this.#writer.epoch(account.id);\n    const standing = sent;\n",
      ],
    ],
  },
  {
    rule: "R8 doubt",
    removes: "waiting for the winner of a race when no lease kept it away",
    edits: [[REFRESHER, "    if (!heldThroughout) await sleep(jittered(DOUBT_MS));\n", ""]],
  },
  {
    rule: "R8 once",
    removes: "leaving HubSpot alone about a grant that is dead",
    edits: [[MERGE, 'if (record.status === "dead" && wanted.replaceVersion === undefined)', "if (false)"]],
  },
  {
    rule: "R9",
    removes: "going on with a living token when a refresh fails",
    edits: [[REFRESHER, "    if (alive !== undefined) return alive;\n    throw error;", "    throw error;"]],
  },
  {
    rule: "R9 backoff",
    removes: "leaving HubSpot alone after failures",
    edits: [[ACCOUNT, "if (this.#failures > 1)\n", "if (this.#failures > 1e9)\n"]],
  },
  {
    rule: "R11",
    removes: "using another token that stands already in place of a refused one",
    edits: [
      [
        ACCOUNT,
        'return this.usable(record, wanted, wanted.rejectedToken === undefined ? "advisoryAtMs" : "mandatoryAtMs");',
        'return wanted.rejectedToken === undefined ? this.usable(record, wanted, "advisoryAtMs") : undefined;',
      ],
    ],
  },
  {
    rule: "single flight",
    removes: "sharing one refresh between all who ask",
    edits: [
      [
        COORDINATOR,
        "const flight = running ?? this.#startFlight(account, rejectedToken, force);",
        "const flight = this.#startFlight(account, rejectedToken, force);",
      ],
    ],
  },
  {
    rule: "grant id",
    removes: "telling two connections apart that share a refresh token",
    edits: [[WRITER, "standing?.grantId === record.grantId &&", "standing !== undefined &&"]],
  },
  {
    rule: "old refresh token",
    removes: "keeping the refresh token when an answer carries none",
    edits: [
      [
        MERGE,
        "const { accessToken: _accessToken, reason: _reason, ...kept } = record;",
        "const { accessToken: _accessToken, reason: _reason, refreshToken: _refreshToken, ...kept } = record;",
      ],
      [MERGE, "const { refreshToken = record.refreshToken } = response;", "const { refreshToken } = response;"],
    ],
  },
  {
    rule: "odd answers",
    removes: "leaving the record alone after an odd answer that carries nothing new",
    edits: [[MERGE, "return refreshToken === record.refreshToken ? undefined : next;", "return next;"]],
  },
  {
    rule: "reading back",
    removes: "looking what became of a write whose answer was lost",
    edits: [[RECORDS, "      if (standing?.version === record.version) return true;\n", ""]],
  },
];
