/** What is in the published package: every entry in both formats with its types, and nothing that does not belong. */
import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import builds from "../../tsup.config.js";
import { run } from "./command.js";

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly sideEffects: readonly string[];
  readonly bin: Readonly<Record<string, string>>;
}

const packedFiles = inject("packedFiles");
const installed = join(inject("consumers"), "node_modules/hubspot-oauth");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Manifest;

const [esm] = builds as readonly [{ entry: readonly string[] }];
/** "src/testing/index.ts" → "testing/index" */
const entries = esm.entry.map((file) => file.replace(/^src\/(.*)\.ts$/, "$1"));
const entryFiles = entries.flatMap((entry) =>
  [`${entry}.js`, `${entry}.d.ts`, `cjs/${entry}.js`, `${entry}.d.cts`].map((file) => `dist/${file}`),
);
const program = "dist/cli/hubspot-oauth.js";
/** Code and types that entries share; tsup puts a hash into the name. */
const chunks = packedFiles.filter((file) => !entryFiles.includes(file) && /^dist\/(?:[\w-]+\/)*[\w-]+-[\w-]{8}\.(?:js|d\.cts)$/.test(file));

describe("the tarball", () => {
  it("exports lists every entry that is built, in both formats with types, and nothing else", () => {
    const expected = entries.map((entry) => [
      `./${entry.replace(/(?:^|\/)index$/, "")}`.replace(/^\.\/$/, "."),
      {
        import: { types: `./dist/${entry}.d.ts`, default: `./dist/${entry}.js` },
        require: { types: `./dist/${entry}.d.cts`, default: `./dist/cjs/${entry}.js` },
      },
    ]);
    expect(manifest.exports).toEqual({ ...Object.fromEntries(expected), "./package.json": "./package.json" });
  });

  it("holds the entries, the chunks they share, the program, the documents and nothing else", () => {
    const documents = ["LICENSE", "README.md", "package.json", "dist/THIRD-PARTY-LICENSES.txt", "dist/cjs/package.json"];
    expect([...packedFiles].toSorted()).toEqual([...documents, ...entryFiles, ...chunks, program].toSorted());
  });

  it("weighs at most 300 kB, which is what everybody who installs it downloads", () => {
    expect(statSync(inject("tarball")).size).toBeLessThanOrEqual(300_000);
  });

  it("has no chunk that nothing imports", () => {
    const texts = packedFiles.filter((file) => file.startsWith("dist/")).map((file) => readFileSync(join(installed, file), "utf8"));
    const specifier = (chunk: string) => `/${chunk.replace(/^.*\//, "").replace(/\.d\.cts$/, ".cjs")}`;
    expect(chunks.filter((chunk) => !texts.some((text) => text.includes(specifier(chunk))))).toEqual([]);
  });

  it("keeps side effects to the entry that is imported for them", () => {
    expect(manifest.sideEffects).toEqual(["./dist/testing/register.js", "./dist/cjs/testing/register.js"]);
  });

  it("has one emulator and one type of each class, however it is loaded", () => {
    const facade = readFileSync(join(installed, "dist/testing/index.js"), "utf8");
    expect(facade).toMatch(/HubSpotEmulator[^;]* from "\.\.\/cjs\/testing\/index\.js"/);
    expect(facade).not.toMatch(/\bclass\b/);
    for (const entry of entries) {
      const declarations = readFileSync(join(installed, `dist/${entry}.d.ts`), "utf8");
      expect(declarations).toBe(`export * from "./${basename(entry)}.cjs";\n`);
    }
  });

  it("installs its program, which runs and brings no dependency of its own", async () => {
    expect(manifest.bin).toEqual({ "hubspot-oauth": `./${program}` });
    expect(await run(join(inject("consumers"), "node_modules/.bin/hubspot-oauth"), ["--help"], { cwd: inject("consumers") })).toContain(
      "emulator",
    );
    const text = readFileSync(join(installed, program), "utf8");
    expect(text).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(text).not.toMatch(/from ?["']commander["']|require\(["']commander["']\)/);
    expect(text).toMatch(/["']\.\.\/index\.js["']/);
  });

  it("carries the licences of the code it bundles: jose in the CommonJS files, commander in the program", () => {
    const licences = readFileSync(join(installed, "dist/THIRD-PARTY-LICENSES.txt"), "utf8");
    expect(licences).toMatch(/^commander$[^]*Copyright \(c\) [^]*Permission is hereby granted/m);
    expect(licences).toMatch(/^jose$[^]*Copyright \(c\) [^]*Permission is hereby granted/m);
    const importing = packedFiles.filter(
      (file) => file.endsWith(".js") && /(?:from |require\()["']jose[/"']/.test(readFileSync(join(installed, file), "utf8")),
    );
    expect(importing).not.toEqual([]);
    expect(importing.filter((file) => file.startsWith("dist/cjs/"))).toEqual([]);
  });
});
