/**
 * docs/cli.md keeps its word: its transcripts are what the program prints, in their order, and its tables are complete. In a transcript `…`
 * stands for anything; lengths of time, ports and trailing blanks are not compared.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { STATUS } from "../../src/cli/exit-status.js";
import { VARIABLES } from "../../src/cli/settings.js";
import { freePort } from "../support/free-port.js";
import { blocksOf, linksOf, sectionOf, tableRowsOf } from "../support/markdown.js";
import { createCliWorld, newKey } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";

const cli = installCli();
const document = await readFile(fileURLToPath(new URL("../../docs/cli.md", import.meta.url)), "utf8");

/** The commands of the transcripts, and what is printed below each. */
const steps = blocksOf(document)
  .filter(({ language }) => language === "console")
  .flatMap(({ code }) => `\n${code}`.split("\n$ ").slice(1))
  .map((text) => ({ command: text.split("\n", 1)[0] ?? "", output: text.slice(text.indexOf("\n") + 1) }));

function comparable(text: string): string {
  return text
    .replaceAll(/\b\d+ (?:s|min)\b/g, "0 s")
    .replaceAll(/(?<=127\.0\.0\.1:|localhost:)\d+/g, "PORT")
    .replaceAll(/ +$/gm, "")
    .replaceAll(/ {2,}/g, "  ")
    .trim();
}

/** What the printed text has to match. */
function patternOf(output: string): RegExp {
  const parts = comparable(output)
    .split("…")
    .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join("[^]*?")}$`);
}

describe("docs/cli.md", () => {
  // A dozen processes, one after the other.
  it("shows what the program prints", { timeout: 60_000 }, async () => {
    const port = await freePort();
    const world = await createCliWorld(cli, {
      emulator: { app: { redirectUris: [`http://localhost:${port}/oauth/callback`] } },
      files: {
        "src/token.js": "// exchange\n\nfetch(`${base}/oauth/v1/token`);\n",
        browser: `#!/bin/sh\nexec curl -s -L -o /dev/null --data "hub_id=24681012&decision=grant" "$1"\n`,
        "bin/hubspot-oauth": `#!/bin/sh\nexec ${process.execPath} node_modules/hubspot-oauth/dist/cli/hubspot-oauth.js "$@"\n`,
      },
    });
    for (const script of ["browser", "bin/hubspot-oauth"]) await chmod(join(world.folder, script), 0o700);
    const env = {
      ...world.env,
      BROWSER: join(world.folder, "browser"),
      PATH: `${join(world.folder, "bin")}:${process.env["PATH"]}`,
      HOME: world.folder,
      TOKEN_KEY: newKey("key").key,
    };
    expect(steps.length).toBeGreaterThan(9);
    for (const { command, output } of steps) {
      const child = spawn("sh", ["-c", `${command} 2>&1`], { cwd: world.folder, env, stdio: ["pipe", "pipe", "inherit"] });
      let printed = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
      await once(child, "close");
      expect(comparable(printed), command).toMatch(patternOf(output));
    }
  });

  it("has a heading for every command, and no other", async () => {
    const { stdout } = await cli.run(["--help"]);
    const commands = [...stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = ""]) => name);
    const headings = [...sectionOf(document, "Commands").matchAll(/^### (.*)$/gm)].map(([, name = ""]) => name);
    expect(headings.toSorted()).toEqual(commands.filter((name) => name !== "help").toSorted());
  });

  it("lists every variable with its field, and every exit status", () => {
    const fields = tableRowsOf(sectionOf(document, "Configuration")).map(([variable, field]) => [field, variable]);
    expect(fields).toEqual(Object.entries(VARIABLES).map(([field, variable]) => [`\`${field}\``, `\`${variable}\``]));
    const statuses = tableRowsOf(sectionOf(document, "Exit status")).map(([status]) => Number(status));
    expect(statuses).toEqual(Object.values(STATUS));
  });

  it("holds JSON and JavaScript that the program takes", async () => {
    const code = (language: string): string => blocksOf(document).find((block) => block.language === language)?.code ?? "";
    const world = await createCliWorld(cli, { files: { "a.json": code("json"), "b.mjs": code("js") } });
    const listed = await world.run(["accounts", "--config", "b.mjs", "--json"]);
    expect(listed).toMatchObject({ status: 0, stdout: "[]\n" });
    const missing = await world.run(["accounts", "--config", "a.json"]);
    expect(missing).toMatchObject({ status: 3, stderr: expect.stringContaining(`TOKEN_KEY is not set: encryptionKeys, "2026-11"`) });
    for (const link of linksOf(document)) expect(link).toMatch(/^operations\.md#changing-the-encryption-key$/);
  });
});
