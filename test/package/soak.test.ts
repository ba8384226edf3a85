/** The soak, for a few seconds: several processes, every fault, kills and outages, and nothing that must not happen. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { run } from "./command.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("a soak of seconds, with refresh tokens that are replaced", async () => {
  const args = ["bench/soak/run.mjs", "--quick", "--node", process.execPath, "--seed", "8", "--rotation", "strict"];
  // It ends with 1, and with all it says, when anything was not as it must be.
  const output = await run("node", args, { cwd: root });
  expect(output).not.toContain("FAILED");
  // Something was done, and went wrong.
  expect(output).toMatch(/calls by the application +\d{3,}/u);
  expect(output).toMatch(/of these met a fault +\d{2,}/u);
  expect(output).toMatch(/processes killed +[1-9]/u);
  expect(output).toMatch(/processes closed +[2-9]/u);
});
