// @ts-check
/**
 * A token store over something that can only get, set and delete. It cannot compare and write in one step, so `set` and `delete` answer
 * nothing: the client then knows, sends the event `store.unsafe` once, and lets one write per account run at a time in its process. Good for
 * one process; with several, a late refresh can overwrite a newer record. Prefer a store that compares.
 */

/** @typedef {import("hubspot-oauth").TokenStore} TokenStore */
/** @typedef {import("hubspot-oauth").StoredTokens} StoredTokens */
/** @typedef {{ get(key: string): Promise<string | undefined>, set(key: string, value: string): Promise<unknown>, delete(key: string): Promise<unknown> }} KeyValue */

/** @implements {TokenStore} */
export class KeyValueTokenStore {
  /** @param {KeyValue} values */
  constructor(values) {
    this.values = values;
  }

  /** @param {string} accountId */
  async get(accountId) {
    const text = await this.values.get(`hubspot:${accountId}`);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /**
   * @param {string} accountId
   * @param {StoredTokens} record
   */
  async set(accountId, record) {
    await this.values.set(`hubspot:${accountId}`, JSON.stringify(record));
  }

  /** @param {string} accountId */
  async delete(accountId) {
    await this.values.delete(`hubspot:${accountId}`);
  }
}
