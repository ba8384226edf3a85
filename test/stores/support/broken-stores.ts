/** One broken store for every rule of the token store's contract: the mistake that the rule is there to find. */
import { setImmediate as turn } from "node:timers/promises";
import { type Lease, MemoryTokenStore, type StoredTokens } from "../../../src/index.js";
import type { ContractSubject } from "../../../src/testing/store-contract/run.js";
import type { TokenStore } from "../../../src/index.js";
import { outage, switchable } from "./switchable.js";

type If = { readonly ifVersion?: string | null };
type Ttl = { readonly ttlMs: number };
type Subject = ContractSubject<TokenStore>;

/** A memory store with some of its methods replaced; `inner` is the whole one. */
function broken(mistake: (inner: MemoryTokenStore) => Partial<TokenStore>): TokenStore {
  const inner = new MemoryTokenStore();
  const own = mistake(inner);
  return new Proxy<TokenStore>(inner, {
    get(target, name) {
      const member: unknown = name in own ? Reflect.get(own, name) : Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

const create = (mistake: (inner: MemoryTokenStore) => Partial<TokenStore>): Subject => ({ create: () => broken(mistake) });

/** What goes in and comes out is changed. */
const changing = (change: (record: StoredTokens) => object): Subject =>
  create((inner) => ({ set: (id, record, options) => inner.set(id, change(record) as StoredTokens, options) }));

/** Ids are changed on the way in. */
const keyed = (key: (id: string) => string): Subject =>
  create((inner) => ({
    get: (id) => inner.get(key(id)),
    set: (id, record, options) => inner.set(key(id), record, options),
    delete: (id, options) => inner.delete(key(id), options),
  }));

/** The comparison is one step and the write another. */
const late = (when: (ifVersion: string | null | undefined) => boolean): Subject =>
  create((inner) => ({
    async set(id: string, record: StoredTokens, options: If = {}) {
      if (options.ifVersion !== undefined && (inner.get(id)?.version ?? null) !== options.ifVersion) return false;
      if (when(options.ifVersion)) await turn();
      return inner.set(id, record);
    },
  }));

/** Two instances share the records; `own` is what each has for itself. */
function shared(own: (backend: MemoryTokenStore) => Partial<TokenStore>): Subject {
  const backends = new WeakMap<TokenStore, MemoryTokenStore>();
  const over = (backend: MemoryTokenStore): TokenStore => {
    const store = broken(() => ({
      get: (id) => backend.get(id),
      set: (id, record, options) => backend.set(id, record, options),
      delete: (id, options) => backend.delete(id, options),
      ...own(backend),
    }));
    backends.set(store, backend);
    return store;
  };
  return { create: () => over(new MemoryTokenStore()), second: (store) => over(backends.get(store) ?? new MemoryTokenStore()) };
}

/** Namespaces that are none. */
const sameNamespace: Subject = { create: () => new MemoryTokenStore(), createNamespace: (store) => store };

/** While the backend is down, one method answers all the same. */
function answering(own: (inner: TokenStore) => Partial<TokenStore>): Subject {
  const inners = new WeakMap<object, TokenStore>();
  return {
    create() {
      const inner = switchable(new MemoryTokenStore());
      const store = broken(() => ({
        get: (id) => inner.get(id),
        set: (id, record, options) => inner.set(id, record, options),
        delete: (id, options) => inner.delete(id, options),
        ...own(inner),
      }));
      inners.set(store, inner);
      return store;
    },
    breakBackend: (store) => outage.breakBackend(inners.get(store) ?? store),
    mend: (store) => outage.mend(inners.get(store) ?? store),
  };
}

function swallow<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    // The mistake itself: a failure that reads as "nothing there".
    return undefined;
  }
}

/** One turn after the other, for callers of one instance. */
function inTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
}

export const brokenStores: Readonly<Record<string, Subject>> = {
  "every field comes back, unknown ones too": changing(({ ...record }) => {
    delete (record as Record<string, unknown>)["later"];
    return record;
  }),
  "a field that is left out stays left out": changing((record) => ({ reason: null, ...record })),
  "an unknown account is undefined": create((inner) => ({ get: (id) => inner.get(id) ?? inner.get("1") })),
  "set replaces the whole record": create((inner) => ({
    set: (id, record, options) => inner.set(id, { ...inner.get(id), ...record }, options),
  })),
  "delete removes the record": create(() => ({ delete: () => true })),
  "deleting an unknown account is quiet": create((inner) => ({
    delete(id: string) {
      if (inner.get(id) === undefined) throw new Error("not found");
      return inner.delete(id);
    },
  })),
  "changing a record after set does not change what is stored": create(() => {
    const records = new Map<string, StoredTokens>();
    return { get: (id) => structuredClone(records.get(id)), set: (id, record) => void records.set(id, record) };
  }),
  "changing a record after get does not change what is stored": create(() => {
    const records = new Map<string, StoredTokens>();
    return { get: (id) => records.get(id), set: (id, record) => void records.set(id, structuredClone(record)) };
  }),
  "SS-02 hostile ids are accounts of their own": keyed((id) => id.toLowerCase()),
  "SS-02 deleting one hostile id leaves the others": create((inner) => ({
    async delete(id: string) {
      for await (const other of inner.list()) if (other.startsWith(id)) inner.delete(other);
    },
  })),
  "TR-11 tokens of 8 KB come back whole": changing((record) => ({ ...record, accessToken: record.accessToken?.slice(0, 4_096) })),
  "any text comes back as it was": changing((record) => JSON.parse(JSON.stringify(record).normalize("NFC")) as object),
  "20 concurrent writes of different accounts all survive": create(() => {
    let all: Readonly<Record<string, StoredTokens>> = {};
    return {
      get: (id) => all[id],
      async set(id: string, record: StoredTokens) {
        const read = all;
        await turn();
        all = { ...read, [id]: record };
      },
    };
  }),
  "concurrent writes of one account leave one of them, whole": create((inner) => {
    let writes = 0;
    return {
      async set(id: string, record: StoredTokens) {
        const fields = Object.entries(record);
        for (const [name, value] of writes++ % 2 === 0 ? fields : fields.toReversed()) {
          inner.set(id, { ...(inner.get(id) as StoredTokens), [name]: value as unknown });
          await turn();
        }
      },
    };
  }),
  "the store can do what it is said to do, and nothing it is said to lack": create((inner) => ({
    set: (id, record) => void inner.set(id, record),
  })),
  "two instances on one backend see each other's writes and deletes": shared((backend) => {
    const cache = new Map<string, StoredTokens | undefined>();
    return {
      get(id: string) {
        if (!cache.has(id)) cache.set(id, backend.get(id));
        return cache.get(id);
      },
    };
  }),
  "namespaces keep one account apart": sameNamespace,
  "get, set and delete reject while the backend is down, and work again afterwards": answering((inner) => ({
    get: (id) => swallow(() => inner.get(id)),
  })),

  "set with ifVersion null writes only where nothing stands": create((inner) => ({
    set: (id, record, options: If = {}) => inner.set(id, record, options.ifVersion === null ? {} : options),
  })),
  "set with ifVersion writes only over that version": create((inner) => ({
    set: (id, record, options: If = {}) => inner.set(id, record, options.ifVersion === null ? options : {}),
  })),
  "set with ifVersion writes nothing where nothing stands": create((inner) => ({
    set: (id, record, options) => inner.set(id, record, inner.get(id) === undefined ? {} : options),
  })),
  "set with the version that stands may keep it": create((inner) => ({
    set: (id, record, options) => inner.get(id)?.version !== record.version && inner.set(id, record, options),
  })),
  "set without ifVersion writes whatever stands": create((inner) => ({
    set: (id, record, options) => inner.set(id, record, options ?? { ifVersion: null }),
  })),
  "delete with ifVersion leaves another version alone": create((inner) => ({ delete: (id) => inner.delete(id) })),
  "delete with ifVersion where nothing stands is true: nothing stands any more": create((inner) => ({
    delete: (id, options) => inner.get(id) !== undefined && inner.delete(id, options),
  })),
  "a late write with the version of a deleted record loses, also after a new connection": create((inner) => {
    const tombstones = new Map<string, string | undefined>();
    return {
      delete(id: string, options?: { readonly ifVersion?: string }) {
        tombstones.set(id, inner.get(id)?.version);
        return inner.delete(id, options);
      },
      set: (id, record, options: If = {}) =>
        inner.set(id, record, inner.get(id) === undefined && tombstones.get(id) === options.ifVersion ? {} : options),
    };
  }),
  "one of 20 concurrent writes over one version wins": late((ifVersion) => typeof ifVersion === "string"),
  "one of 20 concurrent first writes wins": late((ifVersion) => ifVersion === null),
  "of a write and a delete over one version, one wins": create((inner) => ({
    async delete(id: string, options: { readonly ifVersion?: string } = {}) {
      if (options.ifVersion !== undefined && inner.get(id)?.version !== options.ifVersion) return false;
      await turn();
      return inner.delete(id);
    },
    set: (id, record, options) => inner.set(id, record, options),
  })),
  "one of 20 concurrent writes from two instances wins": shared((backend) => {
    const takeTurn = inTurns();
    return {
      set: (id, record, options: If = {}) =>
        takeTurn(async () => {
          if (options.ifVersion !== undefined && (backend.get(id)?.version ?? null) !== options.ifVersion) return false;
          await turn();
          return backend.set(id, record);
        }),
    };
  }),

  "a lease excludes others": create(() => ({ lease: () => ({ release: () => undefined }) })),
  "a released lease is free": create((inner) => ({
    lease: (id: string, options: Ttl) => inner.lease(id, options) && { release: () => undefined },
  })),
  "a lease ends when its time is up, and not before": create((inner) => ({
    lease: (id, { ttlMs }) => inner.lease(id, { ttlMs: ttlMs / 4 }),
  })),
  "a late release does not free the next holder's lease": create((inner) => {
    const held = new Map<string, Lease>();
    return {
      lease(id: string, options: Ttl) {
        const lease = inner.lease(id, options);
        if (lease !== undefined) held.set(id, lease);
        return lease && { release: () => held.get(id)?.release() };
      },
    };
  }),
  "leases of different accounts are independent": create((inner) => ({ lease: (_, options) => inner.lease("all", options) })),
  "an account that is leased can be read, written and deleted": create((inner) => {
    const leased = new Set<string>();
    return {
      lease(id: string, options: Ttl) {
        leased.add(id);
        return inner.lease(id, options);
      },
      set: (id, record, options) => !leased.has(id) && inner.set(id, record, options),
    };
  }),
  "one of 20 concurrent callers gets the lease": create(() => {
    const held = new Set<string>();
    return {
      async lease(id: string) {
        if (held.has(id)) return undefined;
        await turn();
        held.add(id);
        return { release: () => void held.delete(id) };
      },
    };
  }),
  "a lease excludes another instance, which gets it after the release": shared(() => ({})),
  "a lease in one namespace leaves the other free": sameNamespace,
  "lease rejects while the backend is down": answering((inner) => ({
    lease: (id, options) => swallow(() => inner.lease?.(id, options)),
  })),

  "list yields every id once, as it was given": create((inner) => {
    const index: string[] = [];
    return {
      set(id: string, record: StoredTokens, options?: If) {
        index.push(id);
        return inner.set(id, record, options);
      },
      async *list() {
        yield* index;
      },
    };
  }),
  "list leaves out what was deleted and what is only leased": create((inner) => {
    const index = new Set<string>();
    return {
      set(id: string, record: StoredTokens, options?: If) {
        index.add(id);
        return inner.set(id, record, options);
      },
      async *list() {
        yield* index;
      },
    };
  }),
  "list of one namespace leaves out the other": sameNamespace,
  "list rejects while the backend is down": answering((inner) => ({
    async *list() {
      yield* swallow(() => inner.list?.()) ?? [];
    },
  })),
};
