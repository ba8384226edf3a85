/** The Node binaries that the package is tried on: the one that runs the tests, and those of tools/node. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface NodeVersion {
  readonly name: string;
  readonly major: number;
  readonly binary: string;
  /** Its tests are skipped. Never in CI: there a Node that is not installed makes them fail. */
  readonly skipped: boolean;
}

export const thisNode: NodeVersion = {
  name: `Node ${process.versions.node}`,
  major: Number.parseInt(process.versions.node, 10),
  binary: process.execPath,
  skipped: false,
};

export const [node22, node24, node26] = [fromTools(22), fromTools(24), fromTools(26)];

function fromTools(major: number): NodeVersion {
  const binary = fileURLToPath(new URL(`../../tools/node/node_modules/node-${major}/bin/node`, import.meta.url));
  return { name: `Node ${major}`, major, binary, skipped: !existsSync(binary) && process.env["CI"] === undefined };
}
