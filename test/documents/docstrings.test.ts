/**
 * Every public name has a docstring: what an entry point exports, and each member of its classes and interfaces. Optional members of
 * `...Options` say their `@default`. What needs no words is listed here, and nothing else is let through.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import builds from "../../tsup.config.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const [{ entry }] = builds as readonly [{ readonly entry: readonly string[] }];

/** Fields that are the same thing wherever they stand. */
const PLAIN =
  /^(?:accountId|hubId|userId|clientId|clientSecret|scopes|signal|status|headers|body|accessToken|refreshToken|correlationId|retryable)$/;
/** Shapes of somebody else's objects (a Redis client, a framework's request): their makers document them. */
const BORROWED = /^What (?:is (?:used|asked) of|we need of) /;
/** Wire shapes: HubSpot documents its fields. */
const WIRE = /as HubSpot names its fields|in HubSpot's own names/;

const file = ts.readConfigFile(`${root}tsconfig.json`, (path) => readFileSync(path, "utf8"));
const { options } = ts.parseJsonConfigFileContent(file.config, { ...ts.sys, readDirectory: () => [] }, root);
const program = ts.createProgram(
  entry.map((path) => root + path),
  { ...options, lib: ["lib.es2023.d.ts"], types: [] },
);
const checker = program.getTypeChecker();

const wordsOf = (symbol: ts.Symbol): string => ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
const has = (symbol: ts.Symbol, tag: string): boolean => symbol.getJsDocTags(checker).some(({ name }) => name === tag);

/** Everything the entry points export, once. */
function exported(): ts.Symbol[] {
  const symbols = new Set<ts.Symbol>();
  for (const path of entry) {
    const source = program.getSourceFile(root + path);
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
    for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module))
      symbols.add(symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  }
  return [...symbols];
}

const names = exported();

/** `EmulatorApp` has the fields of `EmulatorAppOptions`, and `TokenRequestErrorDetails` those of `TokenRequestError`: said once, there. */
function saidElsewhere(owner: string, member: string): boolean {
  const partner = owner.endsWith("Details") ? owner.replace(/Details$/, "") : `${owner}Options`;
  const field = names.find(({ name }) => name === partner)?.members?.get(ts.escapeLeadingUnderscores(member));
  return field !== undefined && (PLAIN.test(member) || wordsOf(field) !== "");
}

/** What is wrong with one member, or nothing. */
function problemOf(owner: ts.Symbol, member: ts.Symbol): string | undefined {
  const described = wordsOf(member) !== "" || PLAIN.test(member.name) || saidElsewhere(owner.name, member.name);
  if (!described) return "has no docstring";
  const optional = (member.flags & ts.SymbolFlags.Optional) !== 0 && owner.name.endsWith("Options");
  return optional && member.name !== "signal" && !has(member, "default") ? "has no @default" : undefined;
}

function isPrivate(member: ts.Symbol): boolean {
  const [declaration] = member.declarations ?? [];
  if (declaration === undefined || member.flags & (ts.SymbolFlags.Prototype | ts.SymbolFlags.Constructor | ts.SymbolFlags.TypeParameter))
    return true;
  const name = ts.getNameOfDeclaration(declaration);
  return name === undefined || ts.isPrivateIdentifier(name) || (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) !== 0;
}

test("every exported name has a docstring", () => {
  expect(names.length).toBeGreaterThan(150);
  expect(names.filter((symbol) => wordsOf(symbol) === "").map(({ name }) => name)).toEqual([]);
});

test("every member of an exported class or interface has one, and options say their default", () => {
  const owners = names.filter(({ flags }) => flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface));
  let looked = 0;
  const problems = owners.flatMap((owner) => {
    if (BORROWED.test(wordsOf(owner)) || WIRE.test(wordsOf(owner))) return [];
    return [...(owner.members?.values() ?? [])].flatMap((member) => {
      if (isPrivate(member)) return [];
      // Part of what tells the error classes apart; the class says it.
      if (owner.name.endsWith("Error") && member.name === "code") return [];
      looked += 1;
      const problem = problemOf(owner, member);
      return problem === undefined ? [] : [`${owner.name}.${member.name} ${problem}`];
    });
  });
  expect(looked).toBeGreaterThan(500);
  expect(problems).toEqual([]);
});
