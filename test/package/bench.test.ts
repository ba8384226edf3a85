/** `npm run bench` on the built package: it runs, and leaves its three files where it is told. No number is looked at: times are the machine's. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { run } from "./command.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("npm run bench -- --quick --out leaves JSON, Markdown and a chart", async () => {
  const out = await mkdtemp(join(tmpdir(), "hubspot-oauth-bench-"));
  onTestFinished(() => rm(out, { recursive: true }));
  const printed = await run("npm", ["run", "--silent", "bench", "--", "--quick", "--concurrency", "10", "--out", out], { cwd: root });
  const name = `throughput-node-${process.versions.node.split(".")[0]}`;
  expect((await readdir(out)).toSorted()).toEqual([`${name}.json`, `${name}.md`, `${name}.svg`]);
  const page = await readFile(join(out, `${name}.md`), "utf8");
  expect(page).toContain("npm run bench -- --quick --concurrency 10\n");
  expect(page).toContain(`](${name}.svg)`);
  const { data } = JSON.parse(await readFile(join(out, `${name}.json`), "utf8")) as { data: { herd: { posts: number[] } } };
  expect(data.herd.posts).toEqual([1, 1]);
  expect(printed).toMatch(/refreshes when 10,000 ask at once, token expired +1 POST +1 POST +met/);
});
