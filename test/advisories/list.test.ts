/** No advisory may lose its replay. The list is that of published bugs which a client of this kind could have; each is named by a test here. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const CALLBACKS = [
  ...["CVE-2021-41580", "CVE-2022-24858", "CVE-2022-25896", "CVE-2022-29214", "CVE-2022-31093", "CVE-2023-27490", "CVE-2023-31999"],
  ...["CVE-2023-48309", "CVE-2025-14546", "CVE-2025-65107", "CVE-2025-68158", "CVE-2025-68481", "CVE-2026-41425", "CVE-2026-45707"],
  ...["CVE-2026-47386", "CVE-2026-67333"],
];
const HANDLERS = ["CVE-2015-9284"];
const REDIRECTS = [
  ...["CVE-2018-18074", "CVE-2022-0155", "CVE-2022-0235", "CVE-2022-0536", "CVE-2022-27774", "CVE-2022-31151", "CVE-2022-33987"],
  ...["CVE-2022-35949", "CVE-2023-45143", "CVE-2024-24758", "CVE-2024-28849", "CVE-2024-30260", "CVE-2024-39338", "CVE-2024-45336"],
  ...["CVE-2025-27152", "CVE-2026-40895"],
];

it("every advisory of the list has a replay in this folder, and every replay is of the list", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts") && !import.meta.filename.endsWith(name));
  const text = files.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const named = new Set([...text.matchAll(/["`](CVE-\d{4}-\d+)/g)].map(([, advisory = ""]) => advisory));
  expect([...named].toSorted()).toEqual([...CALLBACKS, ...HANDLERS, ...REDIRECTS].toSorted());
});
