/** What the provider remembers: in memory, one per server, and able to age, so that expiry needs no waiting and stays the provider's own decision. */
import type { Adapter } from "oidc-provider";

type Payload = Record<string, unknown>;

/** All records of one provider. */
export class ProviderStorage {
  readonly #models = new Map<string, Map<string, Payload>>();

  /** The provider's adapter factory: called with the name of each model. */
  readonly adapter = (model: string): Adapter => {
    const records = this.#recordsOf(model);
    const find = (matches: (payload: Payload) => boolean): Payload | undefined => [...records.values()].find(matches);
    return {
      async upsert(id, payload) {
        records.set(id, structuredClone(payload));
      },
      async find(id) {
        return structuredClone(records.get(id));
      },
      async findByUid(uid) {
        return structuredClone(find((payload) => payload["uid"] === uid));
      },
      async consume(id) {
        const record = records.get(id);
        if (record !== undefined) record["consumed"] = Math.floor(Date.now() / 1_000);
      },
      async destroy(id) {
        records.delete(id);
      },
      async revokeByGrantId(grantId) {
        for (const [id, payload] of records) {
          if (payload["grantId"] === grantId) records.delete(id);
        }
      },
    };
  };

  /** Makes everything older by so many seconds, or only the records of one model. */
  age(seconds: number, model?: string): void {
    for (const [name, records] of this.#models) {
      if (model !== undefined && model !== name) continue;
      for (const payload of records.values()) {
        for (const moment of ["iat", "exp"]) {
          const value = payload[moment];
          if (typeof value === "number") payload[moment] = value - seconds;
        }
      }
    }
  }

  #recordsOf(model: string): Map<string, Payload> {
    let records = this.#models.get(model);
    if (records === undefined) this.#models.set(model, (records = new Map()));
    return records;
  }
}
