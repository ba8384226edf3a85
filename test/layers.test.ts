/**
 * Holds the architecture: which file of src may import which, and which package. The table is the rule; a new file outside the folders
 * named here has to be placed in it. Nothing is resolved or compiled: imports are read off the text, which the formatter keeps regular.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

interface Place {
  /** A file imports its own layer and the ones below. */
  readonly layer: number;
  /** Packages it may import; `node:` modules always are. */
  readonly packages?: readonly string[];
  /** The only places of src it may import. */
  readonly imports?: readonly string[];
  /** The only places of src that may import it. */
  readonly importedBy?: readonly string[];
  /** Holds re-exports and nothing else. */
  readonly namesOnly?: true;
}

/** Files, and folders with what is in them; the longest entry that fits a file is its place. */
const places: Readonly<Record<string, Place>> = {
  // What everything stands on: no I/O.
  "error-brand.ts": { layer: 0 },
  "errors.ts": { layer: 0 },
  "events.ts": { layer: 0 },
  "option-checks.ts": { layer: 0 },
  "safe-text.ts": { layer: 0 },
  "token-set.ts": { layer: 0, packages: ["zod"] },
  "tracing.ts": { layer: 0 },
  "version.ts": { layer: 0 },
  "waiting.ts": { layer: 0 },
  // HubSpot's wire and the stores.
  "choose-transport.ts": { layer: 1, packages: ["undici"] },
  "credentials.ts": { layer: 1 },
  "network-failure.ts": { layer: 1 },
  "stream-transport.ts": { layer: 1 },
  "request-signature.ts": { layer: 1 },
  "transport.ts": { layer: 1 },
  "http/": { layer: 1 },
  "oauth/": { layer: 1 },
  "oauth/state.ts": { layer: 1, packages: ["jose"] },
  "oauth/token-response.ts": { layer: 1, packages: ["zod"] },
  "stores/": { layer: 1 },
  "stores/encrypted.ts": { layer: 1, packages: ["jose"] },
  // One account's tokens: read, refresh, write.
  "account-credential.ts": { layer: 2 },
  "account-records.ts": { layer: 2 },
  "account-tokens.ts": { layer: 2 },
  "app-credential.ts": { layer: 2 },
  "coordinator-options.ts": { layer: 2 },
  "refresh.ts": { layer: 2 },
  "refresh-errors.ts": { layer: 2 },
  "refresh-pause.ts": { layer: 2 },
  "refreshed-record.ts": { layer: 2 },
  "token-refresher.ts": { layer: 2 },
  "scope-sets.ts": { layer: 2 },
  "token-in-use.ts": { layer: 2 },
  "token-writer.ts": { layer: 2 },
  // The client and its parts.
  "account-info.ts": { layer: 3 },
  "account-summary.ts": { layer: 3 },
  "authorization-flow.ts": { layer: 3 },
  "client.ts": { layer: 3 },
  "client-options.ts": { layer: 3 },
  "disconnect.ts": { layer: 3 },
  "grant.ts": { layer: 3 },
  // What applications import.
  "index.ts": { layer: 4, namesOnly: true, importedBy: ["cli/"] },
  "handlers/": { layer: 4 },
  "sdk/": { layer: 4 },
  "testing/": { layer: 4 },
  "testing/index.ts": { layer: 4, namesOnly: true, importedBy: ["cli/"] },
  "testing/msw.ts": { layer: 4, packages: ["msw"] },
  // Independent of what it tests: it must not share our mistakes.
  "testing/emulator/": { layer: 4, imports: ["testing/emulator/"], importedBy: ["testing/"] },
  // Uses what everybody can import, and nothing else.
  "cli/": {
    layer: 5,
    packages: ["commander", "zod"],
    imports: [
      ...["cli/", "index.ts", "testing/index.ts"],
      ...["stores/encrypted.ts", "stores/file.ts", "stores/postgres.ts", "stores/redis.ts"],
    ],
  },
};

const maxLines = 400;
const namelessRooms = /(?:^|\/)(?:utils?|helpers?|common|misc|types)(?:\.ts$|\/)/;

/** What a file imports, as written. Static imports begin a line; in comments and strings they do not. */
function importsOf(text: string): string[] {
  const code = text.replaceAll(/^\s*(?:\/?\*|\/\/).*$/gm, "");
  const statement = /^(?:import\s+(?:[^"';]*?\sfrom\s+)?|export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^"';]*?from\s+)["']([^"']+)["']/gm;
  const call = /\b(?:import|require)\(\s*["']([^"']+)["']\s*[,)]/g;
  return [statement, call].flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ""));
}

const within = (file: string, place: string): boolean => file === place || (place.endsWith("/") && file.startsWith(place));

function placeOf(file: string): Place | undefined {
  const entry = Object.keys(places)
    .filter((place) => within(file, place))
    .toSorted((a, b) => b.length - a.length)[0];
  return entry === undefined ? undefined : places[entry];
}

/** Every rule that the files (path in src → text) break, in words. */
function problemsOf(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of files) {
    const place = placeOf(file);
    if (place === undefined) {
      problems.push(`${file} has no place in the table of test/layers.test.ts`);
      continue;
    }
    const lines = text.split("\n").length - 1;
    if (lines > maxLines) problems.push(`${file} has ${lines} lines, more than ${maxLines}`);
    if (namelessRooms.test(file)) problems.push(`${file}: a name that says what is in it`);
    if (place.namesOnly && text.replaceAll(/\/\*[^]*?\*\/|\/\/.*$|^export (?:type )?\{[^}]*\} from "[^"]+";$/gm, "").trim() !== "") {
      problems.push(`${file} holds more than re-exported names`);
    }
    const targets: string[] = [];
    graph.set(file, targets);
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith("node:")) continue;
      if (!specifier.startsWith(".")) {
        const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
        if (!place.packages?.includes(name)) problems.push(`${file} may not import the package ${name}`);
        continue;
      }
      const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts");
      const there = placeOf(target);
      if (!files.has(target)) problems.push(`${file} imports ${target}, which is not there`);
      if (there === undefined || !files.has(target)) continue;
      targets.push(target);
      if (there.layer > place.layer) problems.push(`${file} (layer ${place.layer}) imports ${target} above it (layer ${there.layer})`);
      if (place.imports && !place.imports.some((room) => within(target, room))) problems.push(`${file} may not import ${target}`);
      if (there.importedBy && !there.importedBy.some((room) => within(file, room)))
        problems.push(`${target} may not be imported by ${file}`);
    }
  }
  const cycle = cycleIn(graph);
  return cycle === undefined ? problems : [...problems, `a cycle: ${cycle.join(" -> ")}`];
}

function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of graph.get(file) ?? []) {
      const found = walk(target, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const found = walk(file, []);
    if (found) return found;
  }
  return undefined;
}

describe("layers", () => {
  it("every file of src keeps to its place", () => {
    const root = new URL("../src/", import.meta.url);
    const names = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
    const sources = names.filter((name) => name.endsWith(".ts"));
    expect(sources).toContain("index.ts");
    expect(problemsOf(new Map(sources.map((name) => [name, readFileSync(new URL(name, root), "utf8")])))).toEqual([]);
  });

  it("every form of import is seen, and none in a comment", () => {
    const text = [
      `import a, { b } from "./one.js";`,
      `import type {\n  C,\n} from "two";`,
      `import "./three.js";`,
      `export * from "./four.js";`,
      `export type { D } from "./five.js";`,
      `export {\n  e,\n} from "./six.js";`,
      `  const f = await import("./seven.js");`,
      `type G = import("eight").G;`,
      ` * import { x } from "./comment.js";`,
      `// import { x } from "./comment.js";`,
      `const text = 'an import { x } from "./string.js"';`,
    ].join("\n");
    const numbers = ["./one.js", "two", "./three.js", "./four.js", "./five.js", "./six.js", "./seven.js", "eight"];
    expect(importsOf(text)).toEqual(numbers);
  });

  it.each<[string, Record<string, string>, string]>([
    ["a file without a place", { "wonder.ts": "" }, "wonder.ts has no place in the table of test/layers.test.ts"],
    ["a long file", { "errors.ts": "\n".repeat(maxLines + 1) }, `errors.ts has ${maxLines + 1} lines, more than ${maxLines}`],
    ["a nameless file", { "http/utils.ts": "" }, "http/utils.ts: a name that says what is in it"],
    ["a nameless folder", { "http/helpers/one.ts": "" }, "http/helpers/one.ts: a name that says what is in it"],
    ["code in the index", { "index.ts": "export const a = 1;\n" }, "index.ts holds more than re-exported names"],
    ["a package out of place", { "client.ts": `import { z } from "zod";` }, "client.ts may not import the package zod"],
    ["a deep import of one", { "client.ts": `import { z } from "@a/b/c";` }, "client.ts may not import the package @a/b"],
    ["an import of nothing", { "client.ts": `import "./gone.js";` }, "client.ts imports gone.ts, which is not there"],
    [
      "an upward import",
      { "http/a.ts": `import { b } from "../refresh.js";`, "refresh.ts": "" },
      "http/a.ts (layer 1) imports refresh.ts above it (layer 2)",
    ],
    [
      "an emulator that leans on src",
      { "testing/emulator/a.ts": `import "../../errors.js";`, "errors.ts": "" },
      "testing/emulator/a.ts may not import errors.ts",
    ],
    [
      "src that leans on the emulator",
      { "sdk/a.ts": `import "../testing/emulator/a.js";`, "testing/emulator/a.ts": "" },
      "testing/emulator/a.ts may not be imported by sdk/a.ts",
    ],
    [
      "a cycle",
      { "http/a.ts": `import type { b } from "./b.js";`, "http/b.ts": `import { a } from "./a.js";` },
      "a cycle: http/a.ts -> http/b.ts -> http/a.ts",
    ],
  ])("%s is reported", (_, files, problem) => {
    expect(problemsOf(new Map(Object.entries(files)))).toEqual([problem]);
  });
});
