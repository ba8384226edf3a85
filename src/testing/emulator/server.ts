/**
 * The loopback front door: an HTTP server on 127.0.0.1 that carries requests to the emulator and its answers back, and shows the console.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { clientOptionsOf, type EmulatorClientOptions } from "./client-options.js";
import { EmulatorConsole } from "./console/door.js";
import type { EmulatorOptions } from "./emulator-options.js";
import { HubSpotEmulator } from "./hubspot-emulator.js";
import { deliver } from "./loopback-delivery.js";

const MAX_BODY_BYTES = 20 * 1024 * 1024;

/** Options of `startHubSpotEmulator`. */
export interface StartHubSpotEmulatorOptions extends EmulatorOptions {
  /** Where it listens, on 127.0.0.1. @default 0, any free port */
  readonly port?: number;
}

/** An emulator that listens on 127.0.0.1. Its root is the console, a page to watch it and play with it. */
export class LoopbackHubSpotEmulator extends HubSpotEmulator {
  /** `http://127.0.0.1:{port}`, for both the authorize pages and the API. */
  readonly origin: string;
  readonly #server: Server;
  readonly #console: EmulatorConsole;

  /** Use `startHubSpotEmulator`. */
  constructor(server: Server, options: EmulatorOptions) {
    super(options);
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#console = new EmulatorConsole(this, this.origin);
    server.on("request", (request, response) => void this.#serve(request, response));
  }

  override clientOptions(): EmulatorClientOptions {
    return clientOptionsOf(this, { authorizeOrigin: this.origin, apiOrigin: this.origin });
  }

  /** Stops listening and drops every open connection. Calling it again does nothing. */
  override async close(): Promise<void> {
    this.#console.close();
    await super.close();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.#console.takes(request)) return await this.#console.answer(request, response);
      const { method = "GET", url = "/", headers } = request;
      // A message without either header has no body (RFC 9112, section 6.3).
      const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
      const body = hasBody ? await readBody(request) : undefined;
      const answer = await this.handle({ method, url: url.startsWith("/") ? this.origin + url : url, headers, body });
      deliver(response, answer, this.startTimer);
    } catch (error) {
      // When the client went away nobody reads this, and that is fine.
      const body = `The emulator failed: ${String(error)}`;
      deliver(response, { status: 500, headers: { connection: "close" }, body }, this.startTimer);
    }
  }
}

/** Starts an emulator on 127.0.0.1. Rejects with a `TypeError` that names a wrong option, or with node's error when the port is taken. */
export async function startHubSpotEmulator(options: StartHubSpotEmulatorOptions = {}): Promise<LoopbackHubSpotEmulator> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  try {
    return new LoopbackHubSpotEmulator(server, options);
  } catch (error) {
    server.close();
    throw error;
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error("request body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
