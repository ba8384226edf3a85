/**
 * The failpoints of a worker: a layer over its store and its dispatcher that stops at one armed point of one account's refresh and tells
 * the test. Nothing in the library knows of it. Used by `worker.ts` alone.
 */
import { readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Agent, buildConnector } from "undici";
import type { TokenStore } from "../../../src/stores/store.js";
import type { Failpoint, Saying, Standstill } from "./worker-protocol.js";

type Dispatch = (options: { readonly path: string; readonly body: unknown }, handler: Handler) => unknown;

/** undici's handler, as far as it is overheard. */
interface Handler {
  onRequestStart(controller: unknown, context: unknown): void;
  onResponseStart(controller: unknown, status: number, headers: unknown, message: unknown): void;
  onResponseData(controller: unknown, chunk: Buffer): void;
  onResponseEnd(controller: unknown, trailers: unknown): void;
  onResponseError(controller: unknown, error: unknown): void;
}

type LeasingStore = TokenStore & Required<Pick<TokenStore, "lease">>;

interface Armed {
  readonly at: Failpoint;
  readonly standstill: Standstill;
  reads: number;
}

/** What a driver throws when its server takes no writes. */
function readOnly(): Error {
  return Object.assign(new Error("READONLY You can't write against a read only replica."), { code: "READONLY" });
}

/** The failpoints of one process. */
export class Failpoints {
  readonly #say: (saying: Saying) => void;
  readonly #armed = new Map<string, Armed>();
  /** Whose a refresh token is: all that a request to the token endpoint says of its account. */
  readonly #owners = new Map<string, string>();
  #refusesWrites = false;
  #refusesWritesFromResponse = false;

  constructor(say: (saying: Saying) => void) {
    this.#say = say;
  }

  arm(accountId: string, at: Failpoint, standstill: Standstill): void {
    this.#armed.set(accountId, { at, standstill, reads: 0 });
  }

  /** From the next token response on no record can be written, while all else goes on. */
  loseWrites(): void {
    this.#refusesWritesFromResponse = true;
  }

  findWrites(): void {
    this.#refusesWrites = false;
  }

  /** The store with F1 to F5 and F11 to F14 in it. */
  over(store: LeasingStore): LeasingStore {
    return {
      get: async (accountId) => {
        const armed = this.#armed.get(accountId);
        const read = armed === undefined ? 0 : ++armed.reads;
        if (read === 1) await this.#pass(accountId, "F1");
        const record = await store.get(accountId);
        if (record?.refreshToken !== undefined) this.#owners.set(record.refreshToken, accountId);
        if (read > 0) await this.#pass(accountId, read === 1 ? "F2" : "F5");
        return record;
      },
      set: async (accountId, record, options) => {
        await this.#pass(accountId, "F11");
        const { reply, hasReplied } = await this.#sent(accountId, "F12", async () => {
          if (this.#refusesWrites) throw readOnly();
          return store.set(accountId, record, options);
        });
        await this.#pass(accountId, "F12", hasReplied());
        return reply;
      },
      delete: (accountId, options) => store.delete(accountId, options),
      lease: async (accountId, options) => {
        await this.#pass(accountId, "F3");
        const lease = await store.lease(accountId, options);
        if (lease !== undefined) await this.#pass(accountId, "F4");
        return (
          lease && {
            release: async () => {
              await this.#pass(accountId, "F13");
              const { reply, hasReplied } = await this.#sent(accountId, "F14", async () => lease.release());
              await this.#pass(accountId, "F14", hasReplied());
              return reply;
            },
          }
        );
      },
    };
  }

  /** The dispatcher with F6, F7, F9 and F10 in it. F8 is the server's to tell: only there does it show that everything was written. */
  dispatcher(agent: Agent): { dispatch(options: never, handler: never): unknown } {
    const dispatch: Dispatch = (options, handler) => {
      const body = options.path.endsWith("/token") ? new URLSearchParams(String(options.body)) : undefined;
      const accountId = this.#owners.get(body?.get("refresh_token") ?? "");
      if (accountId === undefined) return agent.dispatch(options as never, handler);
      const send = (): unknown => {
        return (hasNoSocket ? this.#connecting(accountId) : agent).dispatch(options as never, this.#overheard(handler, accountId));
      };
      const at = this.#armed.get(accountId)?.at;
      const hasNoSocket = at === "F6" || at === "F7";
      const passing = this.#pass(accountId, "F6");
      return passing === undefined ? send() : true;
    };
    return { dispatch };
  }

  /** An agent without a socket yet, that stops when it has one. */
  #connecting(accountId: string): Agent {
    const connect = buildConnector({});
    return new Agent({
      allowH2: false,
      connect: (options, callback) =>
        connect(options, (...result) => {
          const passing = this.#pass(accountId, "F7");
          if (passing === undefined) callback(...result);
        }),
    });
  }

  #overheard(handler: Handler, accountId: string): Handler {
    // An account that waits for its end hears no more of its response.
    let isHeld = false;
    const proceed = (at: Failpoint, goOn: () => void): void => {
      isHeld ||= this.#pass(accountId, at) !== undefined;
      if (!isHeld) goOn();
    };
    return {
      onRequestStart: (...given) => handler.onRequestStart(...given),
      onResponseStart: (...given) => proceed("F9", () => handler.onResponseStart(...given)),
      onResponseData: (...given) => {
        if (!isHeld) handler.onResponseData(...given);
      },
      onResponseEnd: (...given) => {
        this.#refusesWrites ||= this.#refusesWritesFromResponse;
        this.#refusesWritesFromResponse = false;
        proceed("F10", () => handler.onResponseEnd(...given));
      },
      onResponseError: (...given) => handler.onResponseError(...given),
    };
  }

  /** Sends something to the store. For the failpoint behind it: comes back when it is written, and before its reply is read. */
  async #sent<T>(accountId: string, at: Failpoint, send: () => Promise<T>): Promise<{ reply: Promise<T>; hasReplied: () => boolean }> {
    let replied = false;
    const reply = send();
    reply.then(
      () => (replied = true),
      () => (replied = true),
    );
    // To the end of this turn of the event loop: drivers write at its end, and sockets are read at the beginning of the next.
    if (this.#armed.get(accountId)?.at === at) await nextTurn();
    return { reply, hasReplied: () => replied };
  }

  /** Stands here if this is the armed point. Undefined when it is not, or when it has gone on; else a promise that never settles. */
  #pass(accountId: string, at: Failpoint, replied = false): Promise<void> | undefined {
    const armed = this.#armed.get(accountId);
    if (armed?.at !== at) return undefined;
    this.#armed.delete(accountId);
    this.#say({ says: "stands", at, accountId, replied });
    if (armed.standstill === "account") return new Promise(() => undefined);
    // Blocks the thread until the test writes a byte, or is gone.
    readSync(0, Buffer.alloc(1));
    return undefined;
  }
}
