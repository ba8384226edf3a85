/** Several processes of an application on one store and one token server, whose delays and faults come from a seed. */
import { MemoryTokenStore } from "../../../src/index.js";
import { type Backend, FaultyStore, type StoreFault, type StoreOperation } from "../faulty-store.js";
import { type OfflineProcess, offlineProcess } from "../offline-process.js";
import { type Fate, TokenServer } from "../token-server.js";
import { History } from "./history.js";
import { drawScenario, type Scenario } from "./scenario.js";
import { SeededRandom } from "./seeded-random.js";

/** A store is not broken for ever: past this many faults it behaves. */
const MOST_STORE_FAULTS = 40;
/** Far beyond what any schedule needs: whoever asks without end must not stop the clock. */
const MOST_STORE_CALLS = 20_000;

/** What the token endpoint does in bad weather. Answers are lost only where that loses no refresh token. */
const FATES: readonly { readonly weight: number; readonly fate: Fate; readonly onlyWithoutRotation?: true }[] = [
  { weight: 0.1, fate: "unreachable" },
  { weight: 0.08, fate: "rate-limited" },
  { weight: 0.1, fate: "server-error" },
  { weight: 0.05, fate: "wrong-secret" },
  { weight: 0.06, fate: "connection-lost", onlyWithoutRotation: true },
  { weight: 0.04, fate: "hangs", onlyWithoutRotation: true },
];

export class SimulatedWorld {
  readonly random: SeededRandom;
  readonly scenario: Scenario;
  readonly history = new History();
  readonly server: TokenServer;
  readonly memory = new MemoryTokenStore();
  readonly processes: readonly OfflineProcess<FaultyStore>[];
  /** Nothing fails any more. */
  calm = false;
  #storeCalls = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.scenario = drawScenario(this.random);
    const { rotation, expiresIn, cacheMs } = this.scenario;
    this.server = new TokenServer(rotation);
    this.server.expiresIn = expiresIn;
    this.server.fate = (_refreshToken, by) => this.#fate(by);
    this.server.onPost = (post) => this.history.posted(post);
    this.processes = cacheMs.map((trustMs, index) => this.#process(`P${index + 1}`, trustMs));
  }

  #process(name: string, cacheMs: number): OfflineProcess<FaultyStore> {
    const store = new FaultyStore(this.#watched(name), this.scenario);
    store.fault = (operation) => this.#fault(name, operation);
    return offlineProcess(name, this.server, store, { cacheMs });
  }

  /** The common memory, as one process sees it: every change is written down. */
  #watched(by: string): Backend {
    const { memory, history, server } = this;
    return {
      get: (accountId) => memory.get(accountId),
      lease: (accountId, options) => memory.lease(accountId, options),
      list: () => memory.list(),
      set: (accountId, record, options) => {
        const before = memory.get(accountId);
        const written = memory.set(accountId, record, options);
        if (written) history.wrote({ by, accountId, before, after: record, honoured: server.honours(record.refreshToken) });
        return written;
      },
      delete: (accountId, options) => {
        const before = memory.get(accountId);
        const deleted = memory.delete(accountId, options);
        if (deleted && before !== undefined) history.wrote({ by, accountId, before, after: undefined, honoured: false });
        return deleted;
      },
    };
  }

  async #fault(by: string, operation: StoreOperation): Promise<StoreFault> {
    const { random, history } = this;
    const { weather, compares } = this.scenario;
    if (++this.#storeCalls > MOST_STORE_CALLS) return "hangs";
    if (weather !== "clear" && random.chance(0.5)) await delay(random.next() * (random.chance(0.9) ? 30 : 3_000));
    if (this.calm) return "none";
    if (weather === "refused-writes" && operation === "set" && random.chance(0.15)) {
      history.failed("refused-write", by, "set refused");
      return "refused";
    }
    if (weather !== "store-faults" && weather !== "storm") return "none";
    if (history.faults.store >= MOST_STORE_FAULTS || !random.chance(0.12)) return "none";
    // Without comparing, a write that arrives although nobody waits for it any more can overwrite anything.
    const fault = random.pick<StoreFault>(["refused", "refused", "answer-lost", "hangs", compares ? "hangs-after" : "hangs"]);
    history.failed("store", by, `${operation} ${fault}`);
    return fault;
  }

  async #fate(by: string): Promise<Fate> {
    const { random, history } = this;
    const { weather, rotation } = this.scenario;
    // Never longer than the client waits: an answer that it gives up on is a lost one.
    if (weather !== "clear") await delay(random.next() * (random.chance(0.85) ? 300 : 14_000));
    if (this.calm || (weather !== "request-faults" && weather !== "storm")) return "answered";
    const drawn = random.weighted(FATES);
    if (drawn === undefined || (drawn.onlyWithoutRotation && rotation !== "none")) return "answered";
    history.failed(drawn.fate === "connection-lost" ? "lost-answer" : "request", by, `refresh ${drawn.fate}`);
    return drawn.fate;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
