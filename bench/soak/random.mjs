// Dice that a seed repeats (mulberry32: 32 bits of state, plenty for dice).

/** One row of dice. Rows of the same seed and name are the same. */
export class Random {
  #state;

  constructor(seed, name = "") {
    this.#state = seed | 0;
    for (const character of name) this.#state = Math.imul(this.#state ^ character.codePointAt(0), 0x9e3779b1);
  }

  /** From 0 up to 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 up to `end`. */
  below(end) {
    return Math.floor(this.fraction() * end);
  }

  chance(share) {
    return this.fraction() < share;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** One of `[weight, value]`. */
  weighted(table) {
    let left = this.fraction() * table.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of table) if ((left -= weight) < 0) return value;
    return table.at(-1)[1];
  }
}
