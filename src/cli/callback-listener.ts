/**
 * Waits on this machine for the browser to come back (RFC 8252 section 7.3): on 127.0.0.1 and ::1 only, for the redirect URI's own host,
 * port and path, until one callback was taken. What does not belong to the flow is refused and ends nothing.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { SettingsError } from "./exit-status.js";

/** What came of one callback. */
export interface Taken {
  /** False: it does not belong to this flow; wait for another one. */
  readonly isOurs: boolean;
  /** For the person, in one sentence. */
  readonly message: string;
}

/** Listens until it is closed. */
export class CallbackListener {
  readonly #redirectUri: URL;
  readonly #take: (url: string) => Promise<Taken>;
  readonly #servers: Server[] = [];
  readonly #answering = new Set<Promise<void>>();
  #isDone = false;

  /** `take` is given the callback's path and query; it must not reject. */
  constructor(redirectUri: string, take: (url: string) => Promise<Taken>) {
    this.#redirectUri = new URL(redirectUri);
    this.#take = take;
  }

  /** Whether a redirect URI leads to this machine, so that there is something to listen for. */
  static canListen(redirectUri: string): boolean {
    const { protocol, hostname } = new URL(redirectUri);
    return protocol === "http:" && hostname === "localhost";
  }

  /** Begins. @throws SettingsError when the port is taken */
  async listen(): Promise<void> {
    const port = Number(this.#redirectUri.port || 80);
    for (const host of ["127.0.0.1", "::1"]) {
      const server = createServer((request, response) => this.#serve(request, response));
      server.listen({ port, host, exclusive: true, ipv6Only: true });
      try {
        await once(server, "listening");
        this.#servers.push(server);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
        // A machine without IPv6 has no ::1 to listen on.
        if (host === "::1" && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT")) continue;
        await this.close();
        throw new SettingsError(`Port ${port} of the redirect URI cannot be listened on (${code}). Is your application running there?`);
      }
    }
  }

  /** Ends, when the person has their answer: what comes now is refused by the machine itself. */
  async close(): Promise<void> {
    this.#isDone = true;
    const servers = this.#servers.splice(0);
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    await Promise.all(this.#answering);
    // Browsers keep connections open on which they ask nothing.
    for (const server of servers) server.closeAllConnections();
    await Promise.all(closed);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const gone = new Promise<void>((resolve) => response.once("close", resolve));
    this.#answering.add(gone);
    void gone.then(() => this.#answering.delete(gone)).catch(() => undefined);
    void this.#answer(request, response).catch(() => response.destroy());
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? "/";
    // A name that leads here by somebody else's DNS is not ours (DNS rebinding).
    if (request.headers.host !== this.#redirectUri.host) return send(response, 400, "This address is not the redirect URI's.");
    if (target.split("?", 1)[0] !== this.#redirectUri.pathname) return send(response, 404, "There is nothing here.");
    if (request.method !== "GET") return send(response, 405, "A callback is a GET.");
    // HubSpot leads the person here. What a page of another site loads is no callback: an error without a state would end the flow.
    if ((request.headers["sec-fetch-dest"] ?? "document") !== "document")
      return send(response, 403, "A callback is a page that is opened.");
    if (this.#isDone) return send(response, 410, "A callback was taken already.");
    const { isOurs, message } = await this.#take(target);
    if (isOurs) this.#isDone = true;
    send(response, isOurs ? 200 : 400, message);
  }
}

function send(response: ServerResponse, status: number, message: string): void {
  const text = message.replaceAll(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>hubspot-oauth</title><body style="font:1rem/1.5 system-ui,sans-serif;margin:3rem auto;max-width:34rem;padding:0 1rem"><p>${text}</p>`;
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(page),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    connection: "close",
  });
  response.end(page);
}
