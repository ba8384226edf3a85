/**
 * What an emulator begins with: apps, accounts, clock, seed, faults. The switches beside them are in emulator-settings.ts.
 */

import type { EmulatorAccountOptions, EmulatorAppOptions } from "./directory-options.js";
import type { EmulatorSnapshot } from "./emulator-snapshot.js";
import type { EmulatorSettings } from "./emulator-settings.js";
import type { FaultRule } from "./faults.js";
import type { StartTimer } from "./messages.js";

/** Options of an emulator, whatever its front door. */
export interface EmulatorOptions extends Partial<EmulatorSettings> {
  /** The base clock, milliseconds since 1970; `advance()` adds to it. @default Date.now */
  readonly now?: () => number;
  /** What answers that come late or in drips wait by. @default `setTimeout` */
  readonly startTimer?: StartTimer;
  /** What `snapshot()` of another emulator gave, instead of apps and accounts. Switches that are options too win over its own. @default none */
  readonly snapshot?: EmulatorSnapshot;
  /**
   * Makes every made-up value repeatable: client ids and secrets, codes, tokens, correlation ids, and the dice of faults. Two emulators with
   * one seed make the same tokens, so that those of the one open the other: give each a seed of its own. @default random
   */
  readonly seed?: number;
  /** Faults in force from the start. @default [] */
  readonly faults?: readonly FaultRule[];
  /** The one app. @default an app with every default */
  readonly app?: EmulatorAppOptions;
  /** Several apps, instead of `app`. @default the one app */
  readonly apps?: readonly EmulatorAppOptions[];
  /** The customers. @default two accounts, in na1 and eu1 */
  readonly accounts?: readonly EmulatorAccountOptions[];
}
