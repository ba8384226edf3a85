/** What the console's buttons do. Each is a form's POST to `/console/actions/{name}`; its sentence is said when it is done. */

import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { addFault } from "./faults.js";

interface Action {
  /** Fixed, since it comes back through the URL by the action's name. */
  readonly sentence: string;
  /** @throws {TypeError} that says what is wrong with the form. */
  readonly run: (emulator: HubSpotEmulator, form: URLSearchParams) => void;
}

/** How far the clock can be moved by a button, by what it says. */
export const STEPS: readonly (readonly [label: string, ms: number])[] = [
  ["1 min", 60_000],
  ["25 min", 1_500_000],
  ["31 min", 1_860_000],
  ["1 day", 86_400_000],
];

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  [
    "expire-tokens",
    {
      sentence: "The account's access tokens are expired. The next call gets a 401, unless the app refreshes first.",
      run: (emulator, form) => emulator.expireTokens(accountOf(emulator, form)),
    },
  ],
  [
    "revoke-grant",
    {
      sentence: "The account's refresh tokens are revoked. Access tokens live on until they expire.",
      run: (emulator, form) => emulator.revokeGrant(accountOf(emulator, form)),
    },
  ],
  [
    "uninstall",
    {
      sentence: "All apps are uninstalled from the account. None of its tokens works any more.",
      run: (emulator, form) => emulator.uninstall(accountOf(emulator, form)),
    },
  ],
  [
    "advance",
    {
      sentence: "The clock was moved.",
      run: (emulator, form) => {
        const step = STEPS.find(([, ms]) => String(ms) === form.get("ms"));
        if (step === undefined) throw new TypeError(`ms must be one of ${STEPS.map(([, ms]) => ms).join(", ")}.`);
        emulator.advance(step[1]);
      },
    },
  ],
  ["add-fault", { sentence: "The fault is in force. It meets the next requests like that.", run: addFault }],
  ["clear-faults", { sentence: "No fault is in force any more.", run: (emulator) => emulator.faults.clear() }],
  ["reset", { sentence: "The emulator is as it was at its start.", run: (emulator) => emulator.reset() }],
  ["clear-requests", { sentence: "The request log is empty.", run: (emulator) => emulator.clearRequests() }],
]);

/** What came of it: a sentence to show. */
export interface Outcome {
  readonly ok: boolean;
  readonly sentence: string;
}

/** Carries an action out. */
export function perform(emulator: HubSpotEmulator, name: string, form: URLSearchParams): Outcome {
  const action = ACTIONS.get(name);
  if (action === undefined) return { ok: false, sentence: `There is no action ${name}.` };
  try {
    action.run(emulator, form);
  } catch (error) {
    if (error instanceof TypeError) return { ok: false, sentence: error.message };
    throw error;
  }
  return { ok: true, sentence: action.sentence };
}

/** The sentence of an action that a page without scripts comes back from. */
export function sentenceOf(name: string | null): string | undefined {
  return ACTIONS.get(name ?? "")?.sentence;
}

function accountOf(emulator: HubSpotEmulator, form: URLSearchParams): number {
  const account = emulator.accounts.find(({ hubId }) => String(hubId) === form.get("hub_id"));
  if (account === undefined) throw new TypeError("hub_id must be the hub id of an account.");
  return account.hubId;
}
