/** The benchmark runs and says what it is for. What it measures is the machine's affair: no number is looked at here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { build } from "tsup";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A build of its own, of the source as it is now. Inside node_modules, where it finds the package's dependencies. */
const dist = `${root}node_modules/.cache/hubspot-oauth-bench-${process.pid}`;

async function bench(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [`${root}bench/throughput/run.mjs`, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

const quick = ["--quick", "--rounds", "2", "--slice", "10", "--warm-up", "10", "--concurrency", "1,4", "--dist", dist];

describe("npm run bench", () => {
  beforeAll(async () => {
    await build({
      config: false,
      entry: { index: `${root}src/index.ts`, "testing/index": `${root}src/testing/index.ts` },
      outDir: dist,
      format: "esm",
      target: "node20.19",
      silent: true,
    });
    return () => rm(dist, { recursive: true });
  }, 60_000);

  it("prints the ratios to raw undici and to a bare dispatch beside the noise, per concurrency", async () => {
    const { code, stdout, stderr } = await bench(...quick, "--against", dist);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const line of [
      /^1 in flight/m,
      /^4 in flight/m,
      /^ *ours \/ undici\.request \+ body\.json\(\) +[\d.]+ .*>= 1\.1: /m,
      /^ *ours \/ agent\.dispatch \+ JSON\.parse +[\d.]+ .*>= 0\.95: /m,
      /^ *ours \/ HubSpotHttp\.get of --against +[\d.]+ /m,
      /^ *raw \/ raw \(A\/A\): the noise +[\d.]+ /m,
      /^getAccessToken, token fresh +[\d,]+ ns per call/m,
      /^credential\.authorize\(\) +[\d,]+ ns per call/m,
      /^10,000 getAccessToken at once, token expired: 1 POST/m,
    ]) {
      expect(stdout).toMatch(line);
    }
  }, 60_000);

  it("writes the measurements as JSON and nothing else with --json", async () => {
    const { code, stdout } = await bench(...quick, "--json");
    expect(code).toBe(0);
    const [report] = JSON.parse(stdout) as { node: string; levels: { concurrency: number; cpuMicros: Record<string, number[]> }[] }[];
    expect(report?.node).toBe(process.version);
    expect(report?.levels.map(({ concurrency }) => concurrency)).toEqual([1, 4]);
    expect(Object.keys(report?.levels[0]?.cpuMicros ?? {})).toEqual(["raw", "twin", "bare", "ours"]);
  }, 60_000);

  it.each([
    ["a number that is none", ["--rounds", "many"], "--rounds must be a whole number of at least 1."],
    ["an option that does not exist", ["--fast"], "Unknown option '--fast'"],
    ["a Node version that is not there", ["--dist", dist, "--node", "3"], "Node 3 is not in tools/node"],
  ])("refuses %s", async (_, args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
