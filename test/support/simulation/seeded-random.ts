/**
 * Chance that a seed repeats: for the schedule, and in place of `randomBytes` of `node:crypto`, from which the library takes its versions
 * and the spread of its delays. Without the second a seed would not replay.
 */

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

let source = new SeededRandom(0);

/** Begins a new sequence of bytes. */
export function seedBytes(seed: number): void {
  source = new SeededRandom(~seed);
}

/** Stands in for `randomBytes` of `node:crypto`. */
export function seededBytes(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, () => source.below(256)));
}
