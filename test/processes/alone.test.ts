/**
 * A process that nobody works beside is stopped for longer than its deadlines and wakes up again: it must not throw away what came
 * meanwhile, nor send what nobody waits for any more. Over one store: none has a part in it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { everyBackend } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { LIFE_MS } from "./support/process-world.js";
import { SHORT_TIMES } from "./support/worker-bundle.js";
import type { WorkerProcess } from "./support/worker-process.js";
import { systemMs } from "./support/worker-protocol.js";

const crew = startCrew(["alone"], SHORT_TIMES);

/** Stops it for longer than a token request may take. */
async function sleepThroughDeadline(worker: WorkerProcess): Promise<void> {
  worker.stop();
  const untilMs = systemMs() + SHORT_TIMES.requestMs + 200;
  await sleep(untilMs - systemMs());
  worker.resume();
}

describe.each(everyBackend().slice(-1))("alone, over %s", (_, address) => {
  test("an answer that came while the process slept through its deadline is kept", async () => {
    await crew.inWorld(address(), crew.workers, async (world) => {
      const [alone] = crew.workers as [WorkerProcess];
      const accountId = await world.connect("51000001");
      await world.advance(LIFE_MS);
      const request = world.door.holdNext(accountId);
      const asking = alone.tell({ do: "token", accountId });
      await request.arrived;
      request.open();
      await sleepThroughDeadline(alone);
      expect(await asking).toBe((await world.record(accountId))?.accessToken);
      expect(world.door.of(accountId)).toMatchObject([{ status: 200 }]);
      expect(world.lostGrants()).toEqual([]);
    });
  });

  test("a request whose deadline is over when it has a connection is not sent", async () => {
    await crew.inWorld(address(), crew.workers, async (world) => {
      const [alone] = crew.workers as [WorkerProcess];
      const accountId = await world.connect("51000002");
      await world.advance(LIFE_MS);
      await alone.tell({ do: "arm", accountId, at: "F7", standstill: "thread" });
      const standing = alone.stands(accountId);
      const asking = expect(alone.tell({ do: "token", accountId })).rejects.toMatchObject({ code: "timeout" });
      await standing;
      await sleepThroughDeadline(alone);
      alone.release();
      await asking;
      expect(world.door.of(accountId)).toEqual([]);
      expect(await alone.tell({ do: "contacts", accountId })).toBe(`${accountId}-1001`);
    });
  });
});
