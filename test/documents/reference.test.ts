/** The overviews are complete: the API reference is made without a warning, and docs/llms.txt names every document and entry point. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import * as library from "../../src/index.js";
import { linksOf } from "../support/markdown.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const { exports } = JSON.parse(read("package.json")) as { readonly exports: Readonly<Record<string, unknown>> };
const entries = Object.keys(exports).filter((name) => name !== "./package.json");

// TypeDoc compiles all sources.
test("npm run docs:api describes every entry point, without a warning", { timeout: 120_000 }, async () => {
  const { entryPoints } = JSON.parse(read("typedoc.json")) as { readonly entryPoints: readonly string[] };
  const sources = entries.map((name) => {
    const file = `src${name.slice(1)}.ts`;
    return existsSync(join(root, file)) ? file : `src${name.slice(1)}/index.ts`;
  });
  expect(entryPoints.toSorted()).toEqual(sources.toSorted());
  const out = await mkdtemp(join(tmpdir(), "hubspot-oauth-api-"));
  onTestFinished(() => rm(out, { recursive: true }));
  const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
  const making = promisify(execFile)(process.execPath, [typedoc, "--out", out], { cwd: root, env: { ...process.env, NO_COLOR: "1" } });
  const said = await making.then(
    ({ stdout, stderr }) => stdout + stderr,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
  expect(said).not.toMatch(/\[(?:warning|error)\]/);
  expect(readFileSync(join(out, "classes/index.HubSpotOAuthClient.html"), "utf8")).toContain("createAuthorization");
});

test("docs/llms.txt names every document and every entry point, and only what there is", () => {
  const text = read("docs/llms.txt");
  const documents = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const links = linksOf(text);
  expect(links.filter((link) => !existsSync(join(root, "docs", link)))).toEqual([]);
  expect(documents.filter((name) => !links.includes(name))).toEqual([]);
  const named = [...text.matchAll(/^- `(hubspot-oauth[\w/-]*)`:/gm)].map(([, name = ""]) => name);
  expect(named.toSorted()).toEqual(entries.map((name) => name.replace(/^\./, "hubspot-oauth")).toSorted());
  const [, ours = ""] = /^- `hubspot-oauth`: (.*)$/m.exec(text) ?? [];
  const values = [...ours.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
  expect(values.filter((name) => !(name in library))).toEqual([]);
  expect(values.length).toBeGreaterThan(4);
});
