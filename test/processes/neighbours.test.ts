/** What one process does to an account, and what the others make of it: reconnects, disconnects, and a store that only one of them loses. */
import { describe, expect, test } from "vitest";
import { everyBackend } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { LIFE_MS, type ProcessWorld } from "./support/process-world.js";
import { TIMES } from "./support/worker-bundle.js";
import type { WorkerProcess } from "./support/worker-process.js";

const CACHE_MS = 60_000;
const crew = startCrew(["one", "another"], TIMES);

describe.each(everyBackend())("over %s", (_, address) => {
  const between = (use: (world: ProcessWorld) => Promise<void>): Promise<void> => crew.inWorld(address(), crew.workers, use);
  const workers = (): readonly [WorkerProcess, WorkerProcess] => crew.workers as unknown as [WorkerProcess, WorkerProcess];

  test("a reconnect in another process is seen within cacheMs", async () => {
    await between(async (world) => {
      const [one] = workers();
      const accountId = await world.connect("51000001");
      const old = await one.tell({ do: "token", accountId });
      await world.connect("51000001");
      await world.advance(CACHE_MS - 5_000);
      expect(await one.tell({ do: "token", accountId })).toBe(old);
      await world.advance(5_000);
      expect(await one.tell({ do: "token", accountId })).toBe((await world.record(accountId))?.accessToken);
    });
  });

  test("a disconnect in another process is seen within cacheMs", async () => {
    await between(async (world) => {
      const [one, another] = workers();
      const accountId = await world.connect("51000002");
      const old = await one.tell({ do: "token", accountId });
      await another.tell({ do: "disconnect", accountId });
      await world.advance(CACHE_MS - 5_000);
      expect(await one.tell({ do: "token", accountId })).toBe(old);
      await world.advance(5_000);
      await expect(one.tell({ do: "token", accountId })).rejects.toMatchObject({ code: "account_not_connected" });
    });
  });

  test("I9 a disconnect while another process refreshes is not undone", async () => {
    await between(async (world) => {
      const [one, another] = workers();
      const accountId = await world.connect("51000003");
      await world.advance(LIFE_MS);
      const request = world.door.holdNext(accountId);
      const refreshing = expect(one.tell({ do: "token", accountId })).rejects.toMatchObject({ code: "account_not_connected" });
      await request.arrived;
      await another.tell({ do: "disconnect", accountId });
      request.open();
      await refreshing;
      expect(await world.record(accountId)).toBeUndefined();
      expect(world.door.of(accountId)).toMatchObject([{ status: 200 }]);
    });
  });

  test("I9 a reconnect while another process refreshes wins, there too", async () => {
    await between(async (world) => {
      const [one] = workers();
      const accountId = await world.connect("51000004");
      await world.advance(LIFE_MS);
      const request = world.door.holdNext(accountId);
      const refreshing = one.tell({ do: "token", accountId });
      await request.arrived;
      await world.connect("51000004");
      const reconnected = await world.record(accountId);
      request.open();
      expect(await refreshing).toBe(reconnected?.accessToken);
      expect(await world.record(accountId)).toEqual(reconnected);
    });
  });

  test("I5 a process that is refused with a spent refresh token leaves the newer one alone, and uses it", async () => {
    await crew.inWorld(address(), crew.workers.slice(1), async (world) => {
      const [careless, careful] = workers();
      await world.employ(careless, { leases: false });
      const accountId = await world.connect("51000007");
      await world.advance(LIFE_MS);
      const request = world.door.holdNext(accountId);
      const late = careless.tell({ do: "token", accountId });
      await request.arrived;
      const token = await careful.tell({ do: "token", accountId });
      const written = await world.record(accountId);
      request.open();
      expect(await late).toBe(token);
      expect(world.door.of(accountId).map(({ error }) => error)).toEqual(["invalid_grant", undefined]);
      expect(await world.record(accountId)).toEqual(written);
    });
  });

  test("while one process cannot write what it got, another one waits for that, serves its other accounts, and sends nothing", async () => {
    await between(async (world) => {
      const [one, another] = workers();
      const accountId = await world.connect("51000005");
      const other = await world.connect("51000006");
      await world.advance(LIFE_MS);
      await one.tell({ do: "lose writes after the next token response" });
      const token = await one.tell({ do: "token", accountId });
      expect(one.events.map(({ type }) => type)).toContain("refresh.persist-pending");
      expect((await world.record(accountId))?.accessToken).not.toBe(token);
      const waiting = another.tell({ do: "token", accountId });
      expect(await another.tell({ do: "contacts", accountId: other })).toBe(`${other}-1001`);
      await one.tell({ do: "find writes" });
      expect(await waiting).toBe(token);
      expect(world.door.of(accountId)).toHaveLength(1);
    });
  });
});
