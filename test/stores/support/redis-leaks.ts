/** Where a token could hide in an error. */
import { inspect } from "node:util";

/** In every token of the records that the tests of leaks store. */
export const CANARY = "CANARY-7f3a91";

/** Whether a canary stands anywhere in what a logger might print of an error. */
export function leaks(error: unknown): boolean {
  const { message, stack, cause } = error as Error;
  const texts = [String(error), message, stack ?? "", JSON.stringify(error) ?? "", inspect(error, { depth: null, showHidden: true })];
  return texts.some((text) => text.includes(CANARY)) || (cause !== undefined && leaks(cause));
}
