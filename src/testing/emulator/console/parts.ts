/**
 * The parts of the page that change while somebody looks: each is the content of the element that has its id. The page begins with all of
 * them; an open page is sent those that became different.
 */

import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import { accountItems } from "./accounts.js";
import { appItems } from "./apps.js";
import { faultItems } from "./faults.js";
import { dateAndTime } from "./time-words.js";
import { timesLeft, tokenRows } from "./tokens.js";

/** One part. */
export interface Part {
  readonly id: string;
  readonly html: Html;
  /** The part it stands in, which comes before it: new content of that one has none of this. */
  readonly within?: string;
}

/** All parts as they are now. */
export function partsOf(emulator: HubSpotEmulator): readonly Part[] {
  const count = emulator.requests.length;
  return [
    { id: "clock", html: html`${dateAndTime(emulator.now())}` },
    { id: "accounts", html: accountItems(emulator) },
    { id: "tokens", html: tokenRows(emulator) },
    ...timesLeft(emulator).map((time) => ({ ...time, within: "tokens" })),
    { id: "faults", html: faultItems(emulator) },
    { id: "apps", html: appItems(emulator) },
    { id: "request-count", html: html`${count === 1 ? "1 request" : `${count} requests`}` },
  ];
}
