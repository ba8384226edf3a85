/** One callback, many times at once, in processes that share a state store: HubSpot is asked once, and every other caller is told why not. */
import { describe, expect, test } from "vitest";
import { Browser } from "../interop/browser.js";
import { BACKENDS } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { TIMES } from "./support/worker-bundle.js";
import type { ProcessWorld } from "./support/process-world.js";

const CALLERS = 50;
const ACCOUNT = "51000042";
const crew = startCrew(["one", "two", "three"], TIMES);

/** A callback as the user's browser brings it. */
async function callbackOf({ operator }: ProcessWorld): Promise<{ readonly url: string; readonly cookie: string | undefined }> {
  const { url, cookie } = await operator.createAuthorization();
  return { url: await new Browser().visit(url, { user: `${ACCOUNT}-1001` }), cookie: cookie?.split(";")[0] };
}

describe.each(BACKENDS)("over %s", (_, address) => {
  test.each([1, 3])(`ST-04 of ${CALLERS} concurrent callbacks with one state in %d processes, one asks HubSpot`, async (processes) => {
    const workers = crew.workers.slice(0, processes);
    await crew.inWorld(address(), workers, async (world) => {
      const callback = await callbackOf(world);
      const callers = workers.map((_worker, index) => Math.floor((CALLERS + index) / processes));
      const outcomes = await Promise.all(
        workers.map((worker, index) => worker.tell<string[]>({ do: "callbacks", ...callback, callers: callers[index] ?? 0 })),
      );
      expect(outcomes.flat().toSorted()).toEqual([ACCOUNT, ...Array.from({ length: CALLERS - 1 }, () => "used")]);
      expect(world.server.tokenForms("authorization_code")).toHaveLength(1);
      expect((await world.record(ACCOUNT))?.status).toBe("active");
    });
  });

  test("ST-03 without the cookie of its browser no process asks HubSpot, and the flow can still be completed, in any of them", async () => {
    await crew.inWorld(address(), crew.workers, async (world) => {
      const callback = await callbackOf(world);
      const others = [undefined, (await callbackOf(world)).cookie];
      for (const cookie of others) {
        const refused = await Promise.all(
          crew.workers.map((worker) => worker.tell<string[]>({ do: "callbacks", url: callback.url, cookie, callers: 3 })),
        );
        expect(refused.flat()).toEqual(Array.from({ length: 9 }, () => "unbound"));
      }
      expect(world.server.tokenForms()).toHaveLength(0);
      expect(await world.record(ACCOUNT)).toBeUndefined();
      expect(await crew.workers[2]?.tell<string[]>({ do: "callbacks", ...callback, callers: 1 })).toEqual([ACCOUNT]);
    });
  });
});
