/**
 * The in-memory front door: an undici dispatcher that carries requests for HubSpot's real origins to an emulator. It opens no socket.
 */

import { InMemoryDispatcher, type OtherDispatcher } from "./dispatcher.js";
import { deliverInMemory } from "./in-memory-delivery.js";
import type { EmulatorRequest, EmulatorResponse, StartTimer } from "./messages.js";

/** HubSpot's own origins: where users authorize, and the API, with the hosts of regions. */
export const HUBSPOT_URL: RegExp = /^https:\/\/(?:app(?:-[a-z0-9]+)?\.hubspot|api(?:-[a-z0-9]+)?\.(?:hubapi|hubspot))\.com\//u;

/** Options of `emulator.dispatcher()`. */
export interface EmulatorDispatcherOptions {
  /** The dispatcher for requests to other origins, such as an Agent. @default they are refused */
  readonly otherwise?: OtherDispatcher | undefined;
}

/** What is carried to. */
interface Carried {
  readonly startTimer: StartTimer;
  handle(request: EmulatorRequest): Promise<EmulatorResponse>;
}

/** Makes a dispatcher of an emulator. */
export function hubspotDispatcher(emulator: Carried, { otherwise }: EmulatorDispatcherOptions): InMemoryDispatcher {
  return new InMemoryDispatcher(
    async (request, signal) => {
      const answer = await emulator.handle(request).catch(failed);
      return await deliverInMemory(answer, emulator.startTimer, signal);
    },
    (url) => HUBSPOT_URL.test(url),
    otherwise,
  );
}

function failed(error: unknown): EmulatorResponse {
  return { status: 500, headers: {}, body: `The emulator failed: ${String(error)}` };
}
