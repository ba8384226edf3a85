/** Four processes at the moment when tokens end: how many refreshes there are, and when. */
import { describe, expect, test } from "vitest";
import { everyBackend } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { LIFE_MS, type ProcessWorld } from "./support/process-world.js";
import { TIMES } from "./support/worker-bundle.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const crew = startCrew(["first", "second", "third", "fourth"], TIMES);

async function connect(world: ProcessWorld, accounts: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < accounts; index++) ids.push(await world.connect(String(51_000_001 + index)));
  return ids;
}

describe.each(everyBackend())("over %s", (_, address) => {
  test("I6 ten accounts, four processes, 25 callers each: ten refreshes, and everybody has the same tokens", async () => {
    await crew.inWorld(address(), crew.workers, async (world) => {
      const accountIds = await connect(world, 10);
      for (let expiry = 1; expiry <= 2; expiry++) {
        await world.advance(LIFE_MS);
        const crowds = await Promise.all(crew.workers.map((worker) => worker.tell<string[][]>({ do: "crowd", accountIds, callers: 25 })));
        const stored = await Promise.all(accountIds.map(async (id) => [(await world.record(id))?.accessToken]));
        expect(crowds).toEqual(crew.workers.map(() => stored));
        expect(world.door.refreshes).toHaveLength(10 * expiry);
      }
      expect(new Set(world.door.refreshes.map(({ refreshToken }) => refreshToken)).size).toBe(20);
    });
  });
});

describe.each(everyBackend().slice(0, 1))("over %s, which does not matter here", (_, address) => {
  test("accounts that were connected together do not refresh together", async () => {
    await crew.inWorld(address(), crew.workers.slice(0, 2), async (world) => {
      const accountIds = await connect(world, 24);
      const together = async (): Promise<number> => {
        const before = world.door.refreshes.length;
        await Promise.all(world.workers.map((worker) => worker.tell({ do: "crowd", accountIds, callers: 1 })));
        return world.door.refreshes.length - before;
      };
      // The advisory window begins between five and two and a half minutes before the end, for each token at a moment of its own.
      await world.advance(LIFE_MS - 5 * MINUTE - 10 * SECOND);
      const refreshes = [await together()];
      for (let step = 0; step < 11; step++) {
        await world.advance(15 * SECOND);
        refreshes.push(await together());
      }
      expect(refreshes[0]).toBe(0);
      expect(refreshes.reduce((sum, count) => sum + count)).toBe(24);
      expect(Math.max(...refreshes)).toBeLessThanOrEqual(14);
      expect(refreshes.filter((count) => count > 0).length).toBeGreaterThanOrEqual(5);
    });
  });

  test("a 429 of the token endpoint pauses every refresh of the process that got it, and no other's", async () => {
    await crew.inWorld(address(), crew.workers.slice(0, 2), async (world) => {
      const [accountId = "", other = ""] = await connect(world, 2);
      const [limited, free] = world.workers;
      await world.advance(LIFE_MS);
      world.door.refusals.push({ status: 429, headers: { "retry-after": "30" } });
      await expect(limited?.tell({ do: "token", accountId })).rejects.toMatchObject({ code: "rate_limited" });
      await expect(limited?.tell({ do: "token", accountId: other })).rejects.toMatchObject({ code: "rate_limited" });
      expect(world.door.refreshes.map(({ status }) => status)).toEqual([429]);
      expect(await free?.tell({ do: "contacts", accountId: other })).toBe(`${other}-1001`);
      await world.advance(31 * SECOND);
      expect(await limited?.tell({ do: "contacts", accountId })).toBe(`${accountId}-1001`);
    });
  });
});
