/**
 * Chance that can be repeated: the same seed, the same numbers, on every machine. For faults and made-up data; no secret is safe with it.
 */

/** An endless row of numbers from 0 up to 1 (mulberry32: 32 bits of state, which is plenty for dice). */
export function seededFractions(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
