/** The front doors of the emulator, each opened the way an application's test would, for tests that hold for all of them. */
import { setupServer } from "msw/node";
import { Agent, fetch as undiciFetch } from "undici";
import { onTestFinished } from "vitest";
import { HubSpotOAuthClient, type HubSpotOAuthClientOptions, MemoryTokenStore } from "../../src/index.js";
import { HubSpotEmulator, type EmulatorOptions, startHubSpotEmulator } from "../../src/testing/index.js";
import { hubspotHandlers, mswDispatcher } from "../../src/testing/msw.js";

/** An emulator behind one of its doors. */
export interface OpenDoor {
  readonly emulator: HubSpotEmulator;
  /** Options of a client that goes through the door. */
  readonly options: Omit<HubSpotOAuthClientOptions, "tokenStore">;
  /** Sends any request through the door; redirects are not followed. */
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>;
}

/** One way to reach an emulator. */
export interface Door {
  readonly name: string;
  readonly open: (options?: EmulatorOptions) => Promise<OpenDoor>;
}

const globalFetch = (url: string, init?: RequestInit): Promise<Response> => fetch(url, { redirect: "manual", ...init });

function through(dispatcher: unknown): OpenDoor["fetch"] {
  // undici's fetch has types of its own for what is one standard.
  return (url, init) => undiciFetch(url, { redirect: "manual", ...init, dispatcher } as object);
}

function withHandlers(options?: EmulatorOptions): { emulator: HubSpotEmulator; server: ReturnType<typeof setupServer> } {
  const handlers = hubspotHandlers(new HubSpotEmulator(options));
  onTestFinished(() => handlers.emulator.close());
  return { emulator: handlers.emulator, server: setupServer(...handlers) };
}

/** All doors. */
export const doors: readonly Door[] = [
  {
    name: "loopback",
    open: async (options) => {
      const emulator = await startHubSpotEmulator(options);
      const agent = new Agent({ allowH2: false });
      onTestFinished(async () => {
        await agent.destroy();
        await emulator.close();
      });
      return { emulator, options: { ...emulator.clientOptions(), dispatcher: agent }, fetch: globalFetch };
    },
  },
  {
    name: "dispatcher",
    open: async (options) => {
      const emulator = new HubSpotEmulator(options);
      onTestFinished(() => emulator.close());
      return { emulator, options: emulator.clientOptions(), fetch: through(emulator.dispatcher()) };
    },
  },
  {
    name: "msw",
    open: async (options) => {
      const { emulator, server } = withHandlers(options);
      server.listen({ onUnhandledRequest: "error" });
      onTestFinished(() => server.close());
      const { dispatcher: _unused, ...client } = emulator.clientOptions();
      return { emulator, options: { ...client, fetch: (...args) => fetch(...args) }, fetch: globalFetch };
    },
  },
  {
    name: "msw by a dispatcher",
    open: async (options) => {
      const { emulator, server } = withHandlers(options);
      const dispatcher = mswDispatcher(server);
      return { emulator, options: { ...emulator.clientOptions(), dispatcher }, fetch: through(dispatcher) };
    },
  },
];

/** A client that goes through a door, without the limiter and without retries of its calls. */
export function clientThrough({ options }: OpenDoor): HubSpotOAuthClient {
  const oauth = new HubSpotOAuthClient({ ...options, tokenStore: new MemoryTokenStore(), rateLimit: false, apiVersion: "2026-09" });
  onTestFinished(() => oauth.close());
  return oauth;
}
