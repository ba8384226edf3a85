/** A backend that a test can take down and bring back. */

const down = new WeakSet<object>();

/** The same store, except that every method fails while it is down. */
export function switchable<Store extends object>(store: Store): Store {
  const guarded: Store = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...given: unknown[]): unknown => {
        if (down.has(guarded)) throw new Error("connection refused");
        return Reflect.apply(member, target, given);
      };
    },
  });
  return guarded;
}

/** The two functions that a store contract takes for its outage cases; the store has to be `switchable`. */
export const outage = {
  breakBackend: (store: object): void => void down.add(store),
  mend: (store: object): void => void down.delete(store),
};
