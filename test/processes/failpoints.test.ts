/**
 * A process is killed at each point of a refresh, or stopped there for longer than its lease, as a suspended machine is, and wakes up again.
 * Over each store that processes share, against a server that rotates refresh tokens strictly, with a survivor that waits already or comes
 * later: fourteen points, two faults, two stores, two survivors, 112 cases.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { type Cells, killAtEachFailpoint, stopAtEachFailpoint, SURVIVORS } from "./support/failpoint-cells.js";
import { judge, lostAt } from "./support/failpoint-rules.js";
import { SHORT_TIMES } from "./support/worker-bundle.js";
import { type Failpoint, FAILPOINTS } from "./support/worker-protocol.js";

const points = Object.entries(FAILPOINTS) as [Failpoint, string][];
const killed = startCrew(["survivor", "newcomer"], SHORT_TIMES);
const stopped = startCrew(["survivor", ...points.map(([at]) => `victim at ${at}`)], SHORT_TIMES);

const rounds = BACKENDS.flatMap(([store, address]) => SURVIVORS.map((survivor) => ({ store, address, survivor })));

async function kill({ address, survivor }: (typeof rounds)[number]): Promise<Cells> {
  const victim = await killed.hire("victim");
  return killed.inWorld(address(), [victim, ...killed.workers], (world) => killAtEachFailpoint(world, survivor));
}

async function stop({ address, survivor }: (typeof rounds)[number]): Promise<Cells> {
  return stopped.inWorld(address(), stopped.workers, (world) => stopAtEachFailpoint(world, survivor));
}

// Most of a round is waiting for leases to end: both faults at a time. The rounds of one fault take turns, since they share their processes.
const faults = [
  ["killed", kill, { F8: "U1", F9: "U1", F10: "U1", F11: "U1" }],
  ["stopped", stop, { F8: "U1", F9: "U1", F10: "U1", F11: "U1" }],
] as const;
const cellsOf = new Map<string, Promise<Cells>>();
beforeAll(() => {
  for (const [fault, run] of faults) {
    let turn: Promise<unknown> = Promise.resolve();
    for (const round of rounds) {
      const cells = turn.then(() => run(round));
      cellsOf.set(`${fault} ${round.store} ${round.survivor}`, cells);
      turn = cells.catch(() => undefined);
    }
  }
});

describe.each(faults)("a process is %s", (fault, _, lost) => {
  describe.each(rounds)("over $store, and the survivor $survivor", ({ store, survivor }) => {
    let cells: Cells;
    beforeAll(async () => {
      cells = (await cellsOf.get(`${fault} ${store} ${survivor}`)) as Cells;
    }, 120_000);

    test.each(points)("%s %s", (at) => {
      expect(judge(cells[at])).toEqual([]);
    });

    test("a grant is lost exactly where the server has the request, or will have, and the store has nothing yet", () => {
      expect(lostAt(cells)).toEqual(lost);
    });
  });
});
