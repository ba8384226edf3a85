/**
 * Everything made up: ids, tokens, dice. Without a seed from the system; with one, the same again in every run, in the order it is asked for.
 */

import { createHash, randomBytes, randomUUID } from "node:crypto";

/** Where an emulator's made-up values come from. */
export class Randomness {
  /** Whether it repeats itself. */
  readonly seeded: boolean;
  readonly #seed: number | undefined;
  /** How far the row of a seed has been drawn; to be set to go on from there. */
  drawn = 0;

  /** Throws a `TypeError` for a seed that is no integer. */
  constructor(seed: number | undefined) {
    if (seed !== undefined && !Number.isSafeInteger(seed)) throw new TypeError("seed must be an integer");
    this.#seed = seed;
    this.seeded = seed !== undefined;
  }

  bytes(count: number): Buffer {
    if (this.#seed === undefined) return randomBytes(count);
    const blocks: Buffer[] = [];
    for (let bytes = 0; bytes < count; bytes += 32) {
      blocks.push(
        createHash("sha256")
          .update(`hubspot emulator ${this.#seed} ${this.drawn++}`)
          .digest(),
      );
    }
    return Buffer.concat(blocks).subarray(0, count);
  }

  uuid(): string {
    if (this.#seed === undefined) return randomUUID();
    const bytes = this.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
  }

  /** 0 to 4,294,967,295. */
  integer(): number {
    return this.bytes(4).readUInt32BE();
  }
}

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
