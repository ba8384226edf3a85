/** The benchmark runs and says what it is for. What it measures is the machine's affair: no number is looked at here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { build } from "tsup";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** A build of its own, of the source as it is now. Inside node_modules, where it finds the package's dependencies. */
const dist = `${root}node_modules/.cache/hubspot-oauth-bench-${process.pid}`;

async function bench(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [`${root}bench/throughput/run.mjs`, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

interface Report {
  readonly node: string;
  readonly serverCores: readonly number[];
  readonly levels: readonly {
    readonly concurrency: number;
    readonly contenders: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  }[];
}

function lineOf(pattern: string): RegExp {
  return new RegExp(`^ *${pattern}$`, "m");
}

function escaped(text: string): string {
  return text.replace(/[.+()]/g, String.raw`\$&`);
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

  it("prints the ratios to raw undici and to a bare dispatch beside the noise, CPU first, per concurrency", async () => {
    const { code, stdout, stderr } = await bench(...quick, "--against", dist);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Node \d+\.\d+\.\d+, undici \d+\.\d+\.\d+, /m);
    const spread = String.raw`[\d.,]+ \([\d.,]+-[\d.,]+\)`;
    const said = "(?:better|worse|not resolved)";
    for (const line of [
      /in flight +requests per CPU time +verdict +requests\/s +verdict +target$/m,
      ...["undici.request + body.json()", "agent.dispatch + JSON.parse", "HubSpotHttp.get of --against"].flatMap((over) =>
        [1, 4].map((level) => lineOf(`${level} +ours / ${escaped(over)} +${spread} +${said} +${spread} +${said}`)),
      ),
      ...["raw", "ours"].map((twin) => lineOf(String.raw`4 +${twin} / ${twin} \(A/A\): the noise +${spread} +${spread}`)),
      lineOf(String.raw`getAccessToken, token fresh, awaited +${spread} ns +<= 300 ns +(?:met|missed|not resolved)`),
      lineOf(String.raw`credential\.authorize\(\), token fresh +${spread} ns`),
      lineOf("refreshes when 10,000 ask at once, token expired +1 POST +1 POST +met"),
      /^4 in flight\n +CPU us\/request +requests\/s +p50 ms +p99 ms$/m,
      lineOf(String.raw`HubSpotHttp\.get again \(A/A\)(?: +${spread}){4}`),
    ]) {
      expect(stdout).toMatch(line);
    }
  }, 60_000);

  it("writes the measurements as JSON and nothing else with --json", async () => {
    const { code, stdout } = await bench(...quick, "--json");
    expect(code).toBe(0);
    const [report] = JSON.parse(stdout) as Report[];
    expect(report?.node).toBe(process.version);
    expect(report?.levels.map(({ concurrency }) => concurrency)).toEqual([1, 4]);
    const { contenders } = report?.levels[0] ?? {};
    expect(Object.keys(contenders ?? {})).toEqual(["raw", "rawTwin", "bare", "ours"]);
    for (const measure of ["cpuMicros", "perSecond", "p50Ms", "p99Ms"]) expect(contenders?.["ours"]?.[measure]).toHaveLength(2);
    expect(report?.serverCores).toHaveLength(2);
  }, 60_000);

  it("measures in several processes, and only against another build when that is asked for", async () => {
    const { code, stdout } = await bench(...quick, "--json", "--processes", "2", "--only", "against", "--against", dist);
    expect(code).toBe(0);
    const [report] = JSON.parse(stdout) as Report[];
    const { contenders } = report?.levels[1] ?? {};
    expect(Object.keys(contenders ?? {})).toEqual(["ours", "oursTwin", "against"]);
    expect(contenders?.["against"]?.["cpuMicros"]).toHaveLength(4);
  }, 60_000);

  it.each([
    ["a number that is none", ["--rounds", "many"], "--rounds must be a whole number of at least 1."],
    ["a comparison it does not know", ["--only", "others"], "--only knows raw, bare, against, not others."],
    ["a comparison with nothing", ["--only", "against"], "--only against needs --against."],
    ["an option that does not exist", ["--fast"], "Unknown option '--fast'"],
    ["a Node version that is not there", ["--dist", dist, "--node", "3"], "Node 3 is not in tools/node"],
  ])("refuses %s", async (_, args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
