/**
 * Looks through a source tree for what HubSpot ends or has ended: OAuth v1 (2027-02-16) and account-level API keys (2022-11-30). Reads text
 * files of any language; follows no symbolic links; quotes nothing of a line, which may hold a key, but what it looked for.
 */
import { open, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** Folders of other people's code. */
const SKIPPED = new Set(["node_modules", ".git"]);
/** No source file is that large, and a data file is read for nothing. */
const LARGEST_BYTES = 5 * 1024 * 1024;
/** A file with a zero byte this near its beginning is not text. */
const PROBE_BYTES = 8_000;

interface Rule {
  readonly pattern: RegExp;
  readonly found: string;
  readonly instead: string;
}

/** The first that fits a line is told. */
const RULES: readonly Rule[] = [
  {
    pattern: /\boauth\/v1\/access-tokens\b/,
    found: "/oauth/v1/access-tokens",
    instead: "POST /oauth/2026-09/token/introspect with token_type_hint=access_token, or oauth.introspect(token)",
  },
  {
    pattern: /\boauth\/v1\/refresh-tokens\b/,
    found: "/oauth/v1/refresh-tokens",
    instead: "POST /oauth/2026-09/token/introspect or /oauth/2026-09/token/revoke, or oauth.introspect() and oauth.revoke()",
  },
  {
    pattern: /\boauth\/v1\//,
    found: "/oauth/v1/",
    instead: 'POST /oauth/2026-09/token, or HubSpotOAuthClient with apiVersion: "2026-09"',
  },
];
const API_KEY: Rule = {
  pattern: /\bhapikey\b/i,
  found: "hapikey",
  instead: "oauth.account(id) or privateAppToken(token); developerApiKey(key) for the app-level APIs that still take a key",
};

/** One place. */
export interface SourceFinding {
  /** From the folder that was searched, with forward slashes. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly found: string;
  /** What to write there. */
  readonly instead: string;
}

/** What a search came to. */
export interface SourceScan {
  readonly findings: readonly SourceFinding[];
  readonly files: number;
  /** Files and folders that could not be read, or are too large. */
  readonly unread: readonly string[];
}

/** Searches a folder, in the order of names. */
export async function scanSources(
  folder: string,
  { exclude, signal }: { readonly exclude: readonly string[]; readonly signal: AbortSignal },
): Promise<SourceScan> {
  const findings: SourceFinding[] = [];
  const unread: string[] = [];
  let files = 0;
  const skipped = new Set([...SKIPPED, ...exclude]);
  const nameOf = (path: string): string => relative(folder, path).split(sep).join("/");

  const look = async (path: string): Promise<void> => {
    const content = await readText(path);
    if (content === "unread") unread.push(nameOf(path));
    else if (content !== "binary") {
      files++;
      findings.push(...findingsIn(content.text, nameOf(path)));
    }
  };
  const walk = async (directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) return void unread.push(nameOf(directory));
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      signal.throwIfAborted();
      if (skipped.has(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) await look(path);
    }
  };
  await walk(folder);
  return { findings, files, unread };
}

async function readText(path: string): Promise<{ readonly text: string } | "binary" | "unread"> {
  try {
    await using file = await open(path, "r");
    if ((await file.stat()).size > LARGEST_BYTES) return "unread";
    const bytes = await file.readFile();
    return bytes.subarray(0, PROBE_BYTES).includes(0) ? "binary" : { text: bytes.toString("utf8") };
  } catch {
    // Not ours to read: told by its name.
    return "unread";
  }
}

function findingsIn(text: string, file: string): SourceFinding[] {
  return text.split("\n").flatMap((content, index) => {
    const rules = [RULES.find(({ pattern }) => pattern.test(content)), API_KEY.pattern.test(content) ? API_KEY : undefined];
    return rules.flatMap((rule) => (rule === undefined ? [] : [{ file, line: index + 1, found: rule.found, instead: rule.instead }]));
  });
}
