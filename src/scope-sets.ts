/** The same scopes as one list, however many accounts have granted them. Used by the coordinator, which keeps those of every account it knows. */

/** More different lists than an app has uses for: then it begins anew, so that it never grows without end. */
const MOST = 1_000;

/** The lists of one client. */
export class ScopeSets {
  readonly #lists = new Map<string, readonly string[]>();

  /** A list with the same scopes in the same order. */
  shared(scopes: readonly string[]): readonly string[] {
    const key = scopes.join(" ");
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    if (this.#lists.size >= MOST) this.#lists.clear();
    // A copy: the list itself is also what a connection answered with, and in plain JavaScript anybody may write to that.
    const list = Object.freeze([...scopes]);
    this.#lists.set(key, list);
    return list;
  }
}
