/** Worker processes for the tests of one file: started once, ended with it, and whatever a world left behind with them. */
import { afterAll, beforeAll, expect } from "vitest";
import { ProcessWorld } from "./process-world.js";
import { buildWorker, type Times, type WorkerBundle } from "./worker-bundle.js";
import { WorkerProcess } from "./worker-process.js";
import type { StoreAddress } from "./worker-protocol.js";

/** The processes of a file. */
export interface Crew {
  readonly workers: readonly WorkerProcess[];
  /** Starts one more, for a test that kills it. */
  hire(name: string): Promise<WorkerProcess>;
  /** Opens a world with processes in it, for as long as `use` takes. A fault of its servers fails whatever was tested. */
  inWorld<T>(address: StoreAddress, workers: readonly WorkerProcess[], use: (world: ProcessWorld) => Promise<T>): Promise<T>;
}

/** Builds the worker and starts some processes before the tests of the file. */
export function startCrew(names: readonly string[], times: Times): Crew {
  let bundle: WorkerBundle;
  const all: WorkerProcess[] = [];
  const workers: WorkerProcess[] = [];
  const hire = async (name: string): Promise<WorkerProcess> => {
    const worker = await WorkerProcess.start(bundle.path, name);
    all.push(worker);
    return worker;
  };
  beforeAll(async () => {
    bundle = await buildWorker(times);
    workers.push(...(await Promise.all(names.map(hire))));
  }, 90_000);
  afterAll(async () => {
    await Promise.all(all.map((worker) => worker.end()));
    bundle.remove();
  });
  return {
    workers,
    hire,
    async inWorld(address, employed, use) {
      const world = await ProcessWorld.open({ address, times });
      try {
        for (const worker of employed) await world.employ(worker);
        return await use(world);
      } finally {
        expect(await world.close()).toEqual([]);
      }
    },
  };
}
