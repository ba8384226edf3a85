/** Reads what the documents' tests look at: fenced blocks, tables, links and the anchors that headings make. */

/** A fenced block and where it stands. */
export interface Block {
  readonly language: string;
  readonly code: string;
  /** The nearest heading above it. */
  readonly heading: string;
  readonly line: number;
}

/** Every fenced block, closed or not. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { language: string; lines: string[]; line: number } | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = /^\s*(?:```|~~~)(.*)$/.exec(line);
    if (open === undefined && fence !== null) open = { language: fence[1]?.trim() ?? "", lines: [], line: index + 1 };
    else if (open !== undefined && fence !== null) {
      blocks.push({ language: open.language, code: open.lines.join("\n"), heading, line: open.line });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  if (open !== undefined) throw new Error(`The block that begins on line ${open.line} is not closed`);
  return blocks;
}

/** The text without its fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(/^\s*```[^]*?^\s*```/gm, "");
}

/** The text below one heading, up to the next of the same or a higher level. */
export function sectionOf(markdown: string, heading: string): string {
  const [, level = "", section] = new RegExp(`^(#+) ${heading}$\\n([^]*)`, "m").exec(markdown) ?? [];
  if (section === undefined) throw new Error(`There is no heading ${heading}`);
  return section.split(new RegExp(`^#{1,${level.length}} `, "m"))[0] ?? "";
}

/** The cells of every table row but the header's. */
export function tableRowsOf(markdown: string): string[][] {
  const rows = markdown.split("\n").filter((line) => line.startsWith("|"));
  return rows
    .filter((line, index) => !/^[|:\s-]+$/.test(line) && !/^[|:\s-]+$/.test(rows[index + 1] ?? ""))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The targets of all links. */
export function linksOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
}

/** The anchors that GitHub and npm make of the headings. */
export function anchorsOf(markdown: string): string[] {
  const titles = proseOf(markdown).matchAll(/^#+ (.*)$/gm);
  return [...titles].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
