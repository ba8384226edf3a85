/**
 * Which handler answers which method and path. A pattern is a path with `{name}` or `{name:one|two}` for a segment.
 * First match wins; a path known under other methods only answers 405 by the caller.
 */

import type { EmulatorResponse, ParsedRequest } from "./messages.js";
import type { EmulatorRoute } from "./request-log.js";
import type { EmulatorState } from "./state.js";

/** What a handler gets. */
export interface RouteContext {
  readonly state: EmulatorState;
  readonly request: ParsedRequest;
  /** The path's named segments, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The query; of a repeated parameter the first value. */
  readonly query: Readonly<Record<string, string>>;
}

/** Answers one operation. Synchronous: state never changes halfway. */
export type RouteHandler = (context: RouteContext) => EmulatorResponse;

/** One row of the table. */
export interface Route {
  readonly name: EmulatorRoute;
  readonly method: string;
  readonly pattern: string;
  readonly handler: RouteHandler;
}

/** A route that fits, with its segments. */
export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** The table. */
export class RouteTable {
  readonly #rows: readonly { readonly route: Route; readonly expression: RegExp }[];

  constructor(routes: readonly Route[]) {
    this.#rows = routes.map((route) => ({ route, expression: compile(route.pattern) }));
  }

  /** The route of a request, or undefined. */
  find(method: string, path: string): RouteMatch | undefined {
    for (const { route, expression } of this.#rows) {
      const found = route.method === method ? expression.exec(path) : null;
      if (found !== null) return { route, params: decodeAll(found.groups) };
    }
    return undefined;
  }

  /** The methods a path knows. */
  methods(path: string): readonly string[] {
    return this.#rows.filter(({ expression }) => expression.test(path)).map(({ route }) => route.method);
  }
}

function compile(pattern: string): RegExp {
  const source = pattern.replaceAll(/\{(\w+)(?::([^}]+))?\}/gu, (_, name: string, choices?: string) => `(?<${name}>${choices ?? "[^/]+"})`);
  return new RegExp(`^${source}$`, "u");
}

function decodeAll(groups: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(groups ?? {}).map(([name, value]) => [name, decode(value)]));
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
