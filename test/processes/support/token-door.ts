/**
 * The door in front of `oidc-provider`: every request passes through, and refreshes are written down, with their answer even when nobody
 * is left to hear it. It can hold, delay and refuse token requests; tokens it never touches.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request as send } from "undici";
import { systemMs } from "./worker-protocol.js";

/** A refresh as the authorization server saw it. */
export interface Refresh {
  readonly accountId: string;
  /** The user agent of the process that asked. */
  readonly by: string;
  readonly refreshToken: string;
  readonly arrivedAtMs: number;
  /** 0 while it is not answered. */
  status: number;
  error: string | undefined;
  /** The refresh token that came with the answer. */
  issued: string | undefined;
  answeredAtMs: number;
  /** For a refused one: the refresh token in the store at that moment. */
  standing: string | undefined;
}

interface Hold {
  readonly accountId: string;
  readonly arrive: () => void;
  readonly opened: Promise<void>;
}

/** A door, open until it is closed. */
export class TokenDoor {
  readonly refreshes: Refresh[] = [];
  /** How long each token request waits outside. */
  delayMs = 0;
  /** Answered to the next token requests, in place of the server. */
  readonly refusals: { readonly status: number; readonly headers: Readonly<Record<string, string>> }[] = [];
  /** Reads the refresh token of an account from the store. */
  lookUp: ((accountId: string) => Promise<string | undefined>) | undefined;
  origin = "";
  #isClosed = false;
  readonly #target: string;
  readonly #owners = new Map<string, string>();
  readonly #holds: Hold[] = [];
  readonly #agent = new Agent({ allowH2: false, connections: 32 });
  readonly #server = createServer((incoming, response) => {
    this.#pass(incoming, response).catch((error: unknown) => {
      // Whoever was killed at the end of a test may have left a request behind.
      if (!this.#isClosed) this.faults.push(error as Error);
      response.destroy();
    });
  });
  /** Faults of the door itself: always empty, or the test proves nothing. */
  readonly faults: Error[] = [];

  private constructor(target: string) {
    this.#target = target;
  }

  static async open(target: string): Promise<TokenDoor> {
    const door = new TokenDoor(target);
    await new Promise<void>((resolve) => door.#server.listen(0, "127.0.0.1", resolve));
    door.origin = `http://127.0.0.1:${(door.#server.address() as AddressInfo).port}`;
    return door;
  }

  /** Tells whose a refresh token is that did not come through this door. */
  know(refreshToken: string, accountId: string): void {
    this.#owners.set(refreshToken, accountId);
  }

  /** The refreshes of one account so far. */
  of(accountId: string): Refresh[] {
    return this.refreshes.filter((refresh) => refresh.accountId === accountId);
  }

  /** Keeps the next refresh of an account waiting outside. */
  holdNext(accountId: string): { readonly arrived: Promise<void>; readonly open: () => void } {
    let [arrive, open] = [(): void => undefined, (): void => undefined];
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#holds.push({ accountId, arrive, opened });
    return { arrived, open };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = incoming;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return; // Killed in the middle of a sentence: nothing that could be passed on.
    }
    const body = Buffer.concat(chunks);
    const refresh = url.endsWith("/token") ? this.#recognise(new URLSearchParams(body.toString()), headers["user-agent"] ?? "") : undefined;
    if (refresh !== undefined) {
      const index = this.#holds.findIndex(({ accountId }) => accountId === refresh.accountId);
      const [hold] = index < 0 ? [] : this.#holds.splice(index, 1);
      hold?.arrive();
      await hold?.opened;
      if (this.delayMs > 0) await sleep(this.delayMs);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) {
        refresh.status = refusal.status;
        response.writeHead(refusal.status, refusal.headers).end();
        return;
      }
    }
    const { connection: _connection, host: _host, "transfer-encoding": _encoding, ...passed } = headers;
    const answer = await send(this.#target + url, {
      method: method as "GET",
      headers: passed as Record<string, string>,
      body: body.length > 0 ? body : null,
      dispatcher: this.#agent,
    });
    const text = await answer.body.text();
    if (refresh !== undefined) await this.#writeDown(refresh, answer.statusCode, text);
    const { connection: _close, "keep-alive": _keep, "transfer-encoding": _chunked, ...returned } = answer.headers;
    response.writeHead(answer.statusCode, returned).end(text);
  }

  #recognise(form: URLSearchParams, by: string): Refresh | undefined {
    const refreshToken = form.get("refresh_token");
    if (form.get("grant_type") !== "refresh_token" || refreshToken === null) return undefined;
    const accountId = this.#owners.get(refreshToken) ?? "nobody";
    const unanswered = { status: 0, error: undefined, issued: undefined, answeredAtMs: Infinity, standing: undefined };
    const refresh: Refresh = { accountId, by, refreshToken, arrivedAtMs: systemMs(), ...unanswered };
    this.refreshes.push(refresh);
    return refresh;
  }

  async #writeDown(refresh: Refresh, status: number, text: string): Promise<void> {
    const answer = JSON.parse(text) as { readonly error?: string; readonly refresh_token?: string };
    if (answer.refresh_token !== undefined) this.know(answer.refresh_token, refresh.accountId);
    // Before the answer goes out: what the store holds must not be the doing of whoever gets it.
    const standing = status === 200 ? undefined : await this.lookUp?.(refresh.accountId).catch(() => undefined);
    Object.assign(refresh, { status, error: answer.error, issued: answer.refresh_token, answeredAtMs: systemMs(), standing });
  }
}
