/**
 * The loopback front door: an HTTP server on 127.0.0.1 that carries requests to the emulator and its answers back.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { clientOptionsOf, type EmulatorClientOptions } from "./client-options.js";
import type { EmulatorOptions } from "./emulator-options.js";
import { HubSpotEmulator } from "./hubspot-emulator.js";
import { deliver } from "./loopback-delivery.js";

const MAX_BODY_BYTES = 20 * 1024 * 1024;

/** Options of `startHubSpotEmulator`. */
export interface StartHubSpotEmulatorOptions extends EmulatorOptions {
  /** @default 0, any free port */
  readonly port?: number;
}

/** An emulator that listens on 127.0.0.1. */
export class LoopbackHubSpotEmulator extends HubSpotEmulator {
  /** `http://127.0.0.1:{port}`, for both the authorize pages and the API. */
  readonly origin: string;
  readonly #server: Server;

  /** Use `startHubSpotEmulator`. */
  constructor(server: Server, options: EmulatorOptions) {
    super(options);
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => void carry(this, this.origin, request, response));
  }

  override clientOptions(): EmulatorClientOptions {
    return clientOptionsOf(this, { authorizeOrigin: this.origin, apiOrigin: this.origin });
  }

  /** Stops listening and drops every open connection. Calling it again does nothing. */
  override async close(): Promise<void> {
    await super.close();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
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

async function carry(emulator: HubSpotEmulator, origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", origin).href;
    const answer = await emulator.handle({ method: request.method ?? "GET", url, headers: request.headers, body });
    deliver(response, answer, emulator.startTimer);
  } catch (error) {
    // When the client went away nobody reads this, and that is fine.
    const body = `The emulator failed: ${String(error)}`;
    deliver(response, { status: 500, headers: { connection: "close" }, body }, emulator.startTimer);
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
