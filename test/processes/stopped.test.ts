/**
 * A process is stopped at each point of a refresh for longer than its lease, as a suspended machine is, and wakes up again; over each store
 * that processes share, against a server that rotates refresh tokens strictly. Fourteen points, two stores, and a survivor that waits
 * already or comes later: 56 cases.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { type Cells, stopAtEachFailpoint, SURVIVORS } from "./support/failpoint-cells.js";
import { judge, lostAt } from "./support/failpoint-rules.js";
import { SHORT_TIMES } from "./support/worker-bundle.js";
import { type Failpoint, FAILPOINTS } from "./support/worker-protocol.js";

const points = Object.entries(FAILPOINTS) as [Failpoint, string][];
const crew = startCrew(["survivor", ...points.map(([at]) => `victim at ${at}`)], SHORT_TIMES);

describe.each(BACKENDS)("stopped, over %s", (_, address) => {
  describe.each(SURVIVORS)("and the survivor %s", (survivor) => {
    let cells: Cells;
    beforeAll(async () => {
      cells = await crew.inWorld(address(), crew.workers, (world) => stopAtEachFailpoint(world, survivor));
    }, 90_000);

    test.each(points)("%s %s", (at) => {
      expect(judge(cells[at])).toEqual([]);
    });

    test("a grant is lost exactly where the bytes of the request or the answer were under way", () => {
      expect(lostAt(cells)).toEqual({ F7: "U2", F8: "U1", F9: "U1", F10: "U1", F11: "U1" });
    });
  });
});
