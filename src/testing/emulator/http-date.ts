/** The `Date` header, made once a second. */

/** Writes times as HTTP does. */
export class HttpDate {
  #second = Number.NaN;
  #text = "";

  /** The text of a moment in milliseconds since 1970. */
  at(ms: number): string {
    const second = Math.floor(ms / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(ms).toUTCString();
    }
    return this.#text;
  }
}
