/**
 * The program as it is installed: the library and the bin, built from the sources by tsup.config.ts into a package of their own, and run as
 * child processes. One build per test file.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Options } from "tsup";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import builds from "../../../tsup.config.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** How a run ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run finds. */
export interface Surroundings {
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What is typed: all of it at once, and then the end. Without it the input is empty. */
  readonly input?: string | undefined;
}

/** A process under way. */
export class Run {
  readonly child: ChildProcessWithoutNullStreams;
  /** Every process of the suite so far, and all it wrote: what a sweep looks through. */
  static readonly outputs: string[] = [];
  #stdout = "";
  #stderr = "";
  readonly #closed: Promise<unknown>;

  constructor(program: string, args: readonly string[], { cwd = root, env = {} }: Surroundings) {
    // Not ours: under a test runner the library sends its requests another way than in production.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|JEST_|NODE_|HUBSPOT_|TEST$)/.test(name));
    this.child = spawn(process.execPath, [program, ...args], { cwd, env: { ...Object.fromEntries(inherited), ...env } });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    // A child that has ended reads nothing more.
    this.child.stdin.on("error", () => undefined);
    this.#closed = once(this.child, "close");
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves with the first match in what was written to standard output or standard error, now or later. */
  async wrote(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
      if (found !== null) return found;
      const more = Promise.race([once(this.child.stdout, "data"), once(this.child.stderr, "data"), this.#closed.then(() => "closed")]);
      if ((await more) === "closed" && !pattern.test(this.#stdout) && !pattern.test(this.#stderr))
        throw new Error(`The program ended without ${pattern}:\n${this.#stdout}\n${this.#stderr}`);
    }
  }

  /** Resolves when it has ended. */
  async ended(): Promise<Ended> {
    await this.#closed;
    Run.outputs.push(this.#stdout, this.#stderr);
    return { status: this.child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** The program, once `beforeAll` has built it. */
export interface InstalledCli {
  /** Runs it to its end. */
  run(args: readonly string[], surroundings?: Surroundings): Promise<Ended>;
  /** Starts it. */
  start(args: readonly string[], surroundings?: Surroundings): Run;
  /** A new folder of a user's project in which `hubspot-oauth` and the database drivers are installed, removed with the test. */
  project(files?: Readonly<Record<string, string>>): Promise<string>;
}

/** Builds the program for one test file. */
export function installCli(): InstalledCli {
  // Inside node_modules, where its dependencies are found.
  const home = resolve(root, `node_modules/.cache/hubspot-oauth-cli-${process.pid}-${performance.now().toFixed(0)}`);
  const program = join(home, "dist/cli/hubspot-oauth.js");

  beforeAll(async () => {
    mkdirSync(home, { recursive: true });
    copyFileSync(join(root, "package.json"), join(home, "package.json"));
    const [esm, commonjs, cli] = builds as readonly Options[];
    const dist = join(home, "dist");
    // Of the CommonJS files, the one that is shared with the ES modules.
    const shared = {
      ...commonjs,
      entry: { "testing/index": "src/testing/index.ts" },
      outDir: join(dist, "cjs"),
      onSuccess: async () => undefined,
    };
    for (const options of [esm, shared, cli]) {
      await build({ ...options, config: false, silent: true, clean: false, outDir: options === shared ? shared.outDir : dist });
    }
    await writeFile(join(dist, "cjs/package.json"), `{"type":"commonjs"}`);
  }, 60_000);
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const start = (args: readonly string[], surroundings: Surroundings = {}): Run => {
    const run = new Run(program, args, surroundings);
    if (surroundings.input !== undefined) run.child.stdin.end(surroundings.input);
    return run;
  };
  return {
    start,
    run: (args, surroundings = {}) => start(args, { input: "", ...surroundings }).ended(),
    project: async (files = {}) => {
      const folder = await mkdtemp(join(tmpdir(), "hubspot-oauth-project-"));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(home, join(folder, "node_modules/hubspot-oauth"));
      for (const driver of ["ioredis", "redis", "pg"])
        symlinkSync(join(root, "node_modules", driver), join(folder, "node_modules", driver));
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      }
      return folder;
    },
  };
}
