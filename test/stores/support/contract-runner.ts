/** Vitest as the store contracts want it. They assert with `node:assert`, which `requireAssertions` of our own configuration does not count. */
import { describe, expect, it } from "vitest";
import type { ContractRunner } from "../../../src/testing/store-contract/run.js";

export const vitest: ContractRunner = {
  describe,
  it: Object.assign(
    (name: string, body: () => Promise<void>) =>
      // oxlint-disable-next-line vitest/valid-title -- the contract's own names
      it(name, async () => {
        await expect(body()).resolves.toBeUndefined();
      }),
    { skip: it.skip },
  ),
};
