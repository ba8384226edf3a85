/** What all our error classes have in common beyond JavaScript's: a mark that other copies of the package know, and fields that are not printed. */

/** The classes carry a mark found through `Symbol.for`, so `instanceof` holds when two copies of the package are loaded. */
export function brand(cls: abstract new (...args: never) => object, name: string): void {
  const mark = Symbol.for(`hubspot-oauth.${name}`);
  Object.defineProperties(cls.prototype, {
    [mark]: { value: true },
    name: { value: name, writable: true, configurable: true },
  });
  Object.defineProperty(cls, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // A user's subclass inherits this function; without this line every base error would be an instance of it.
      if (this !== cls) return Function.prototype[Symbol.hasInstance].call(this as () => void, value);
      return typeof value === "object" && value !== null && mark in value;
    },
  });
}

/** Sets fields that a logger must not print with the error: `console.log` and `JSON.stringify` pass over them. */
export function hide(error: object, fields: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true });
  }
}

/** The same entries in a list that prints its length only: Node prints an error's `errors` whether they are enumerable or not. */
export function unprinted<T>(entries: readonly T[]): readonly T[] {
  return Object.defineProperty([...entries], Symbol.for("nodejs.util.inspect.custom"), { value: () => `[${entries.length}, not printed]` });
}
