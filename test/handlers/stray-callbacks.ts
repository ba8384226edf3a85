/** Callbacks that nobody began: made up, cut, glued and, with somebody else's state, sent from a browser that has no part in it. */
import { randomBytes } from "node:crypto";

/** Paths with queries; `state` is a good one, of another browser. */
export function strayCallbacks(count: number, state: string): string[] {
  return Array.from({ length: count }, (_, index) => {
    const noise = randomBytes(24).toString("base64url");
    const states = [noise, state, `${state}${noise}`, state.split(".").toReversed().join("."), `${noise}.${noise}..${noise}.${noise}`];
    return `/hubspot/callback?code=na1-${noise}&state=${states[index % states.length]}`;
  });
}
