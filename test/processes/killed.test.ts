/**
 * A process is killed at each point of a refresh, over each store that processes share, against a server that rotates refresh tokens
 * strictly. Fourteen points, two stores, and a survivor that waits already or comes later: 56 cases.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS } from "./support/backends.js";
import { startCrew } from "./support/crew.js";
import { type Cells, killAtEachFailpoint, SURVIVORS } from "./support/failpoint-cells.js";
import { judge, lostAt } from "./support/failpoint-rules.js";
import { SHORT_TIMES } from "./support/worker-bundle.js";
import { type Failpoint, FAILPOINTS } from "./support/worker-protocol.js";

const points = Object.entries(FAILPOINTS) as [Failpoint, string][];
const crew = startCrew(["survivor", "newcomer"], SHORT_TIMES);

describe.each(BACKENDS)("killed, over %s", (_, address) => {
  describe.each(SURVIVORS)("and the survivor %s", (survivor) => {
    let cells: Cells;
    beforeAll(async () => {
      const victim = await crew.hire("victim");
      cells = await crew.inWorld(address(), [victim, ...crew.workers], (world) => killAtEachFailpoint(world, survivor));
    }, 90_000);

    test.each(points)("%s %s", (at) => {
      expect(judge(cells[at])).toEqual([]);
    });

    test("a grant is lost exactly where the server had rotated and nothing was written yet", () => {
      expect(lostAt(cells)).toEqual({ F8: "U1", F9: "U1", F10: "U1", F11: "U1" });
    });
  });
});
