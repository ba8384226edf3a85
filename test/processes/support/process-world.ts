/** An authorization server with strict rotation, its door, a store, and the processes of one application over them. */
import { Agent } from "undici";
import { HubSpotOAuthClient, type StoredTokens } from "../../../src/index.js";
import { Browser } from "../../interop/browser.js";
import { APP, InteropServer, type ProviderOptions, REDIRECT_URI } from "../../interop/provider.js";
import { type LostGrant, lostGrants } from "./excuses.js";
import { type OpenStore, openStore } from "./open-store.js";
import { TokenDoor } from "./token-door.js";
import type { Times } from "./worker-bundle.js";
import { bounded, type WorkerProcess } from "./worker-process.js";
import type { StoreAddress, WorkerSettings } from "./worker-protocol.js";

/** How long the server says that an access token lives. */
export const LIFE_MS = 1_800_000;

/** What a world is made of. */
export interface WorldOptions {
  readonly address: StoreAddress;
  readonly provider?: ProviderOptions;
  /** Those of the processes. */
  readonly times: Times;
}

/** One application's processes and all they stand on. */
export class ProcessWorld {
  readonly server: InteropServer;
  readonly door: TokenDoor;
  /** The store as the operator has it: no failpoints, and never down by a test's order. */
  readonly store: OpenStore["store"];
  /** A client in this process, for connects and disconnects by a user. Its requests do not pass the door. */
  readonly operator: HubSpotOAuthClient;
  readonly workers: WorkerProcess[] = [];
  readonly times: Times;
  readonly address: StoreAddress;
  readonly #opened: OpenStore;
  readonly #agent: Agent;

  private constructor(options: WorldOptions, server: InteropServer, door: TokenDoor, opened: OpenStore) {
    this.address = options.address;
    this.server = server;
    this.door = door;
    this.#opened = opened;
    this.store = opened.store;
    this.times = options.times;
    this.#agent = new Agent({ allowH2: false });
    door.lookUp = async (accountId) => (await this.store.get(accountId))?.refreshToken;
    this.operator = new HubSpotOAuthClient({
      ...APP,
      redirectUri: REDIRECT_URI,
      scopes: ["oauth", "crm.objects.contacts.read"],
      authorizeOrigin: server.origin,
      apiOrigin: server.origin,
      apiVersion: "2026-09",
      tokenStore: this.store,
      now: () => server.now(),
      dispatcher: this.#agent,
    });
  }

  static async open(options: WorldOptions): Promise<ProcessWorld> {
    const server = await InteropServer.start({ rotation: "strict", ...options.provider });
    const door = await TokenDoor.open(server.origin);
    const opened = await openStore(options.address);
    await opened.createTables();
    return new ProcessWorld(options, server, door, opened);
  }

  /** Gives a process a client in this world. */
  async employ(worker: WorkerProcess, settings: Partial<WorkerSettings> = {}): Promise<WorkerProcess> {
    worker.forget();
    await worker.tell({
      do: "open",
      settings: {
        name: worker.name,
        origin: this.door.origin,
        app: APP,
        store: this.address,
        clockMs: this.server.now() - Date.now(),
        cacheMs: 60_000,
        timeoutMs: this.times.requestMs,
        leases: true,
        ...settings,
      },
    });
    this.workers.push(worker);
    return worker;
  }

  /** Connects an account, or connects it again: a user walks through the authorization server's pages. */
  async connect(accountId: string): Promise<string> {
    const { url, cookie } = await this.operator.createAuthorization();
    const callback = await new Browser().visit(url, { user: `${accountId}-1001` });
    const connected = await this.operator.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] });
    this.door.know((await this.record(connected.accountId))?.refreshToken ?? "", connected.accountId);
    return connected.accountId;
  }

  /** What stands in the store. */
  async record(accountId: string): Promise<StoredTokens | undefined> {
    return this.store.get(accountId);
  }

  /** Lets time pass for the server and for every process. */
  async advance(ms: number): Promise<void> {
    this.server.advance(ms);
    const clockMs = this.server.now() - Date.now();
    await Promise.all(this.workers.filter(({ isRunning }) => isRunning).map((worker) => worker.tell({ do: "clock", clockMs })));
  }

  /** The grants that the server gave up, and whether any client could have kept them. */
  lostGrants(): LostGrant[] {
    return lostGrants({
      refreshes: this.door.refreshes,
      interruptions: this.workers.flatMap(({ interruptions }) => interruptions),
      eventsOf: (name) => this.workers.find((worker) => worker.name === name)?.events ?? [],
      times: this.times,
    });
  }

  /** Closes everything but the processes, and answers the faults of what the tests stand on. */
  async close(): Promise<Error[]> {
    await Promise.all(this.workers.filter(({ isRunning }) => isRunning).map((worker) => worker.tell({ do: "close" })));
    await this.operator.close();
    await Promise.all([this.#agent.destroy(), this.door.close(), this.#opened.close()]);
    await bounded(this.server.close(), "the end of the server");
    return [...this.server.faults, ...this.door.faults];
  }
}
