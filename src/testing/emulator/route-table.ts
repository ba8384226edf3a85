/**
 * Which handler answers which method and path. A pattern is a path with `{name}`, `{name:one|two}` or `{name:\\d+}` for a segment.
 * Looked up segment by segment, so that a table of any length costs the same; a literal segment wins over a named one.
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

/** One place in the tree of segments. */
interface Node {
  readonly literal: Map<string, Node>;
  readonly named: { readonly segment: string; readonly fits: (value: string) => boolean; readonly node: Node }[];
  /** The routes that end here, by method, each with the names of its segments. */
  readonly routes: Map<string, { readonly route: Route; readonly names: readonly string[] }>;
}

/** The table. */
export class RouteTable {
  /** As given, for whoever lists them. */
  readonly routes: readonly Route[];
  readonly #root = newNode();

  /** Throws an `Error` for two routes on one method and pattern. */
  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) this.#add(route);
  }

  /** The route of a request, or undefined. */
  find(method: string, path: string): RouteMatch | undefined {
    const values: string[] = [];
    const end = search(this.#root, segmentsOf(path), 0, values, (node) => node.routes.has(method));
    const found = end?.routes.get(method);
    if (found === undefined) return undefined;
    const params: Record<string, string> = {};
    found.names.forEach((name, index) => (params[name] = decode(values[index] ?? "")));
    return { route: found.route, params };
  }

  /** The methods a path knows. */
  methods(path: string): readonly string[] {
    const methods: string[] = [];
    search(this.#root, segmentsOf(path), 0, [], (node) => {
      methods.push(...node.routes.keys());
      return false;
    });
    return methods;
  }

  #add(route: Route): void {
    const names: string[] = [];
    let node = this.#root;
    for (const segment of segmentsOf(route.pattern)) {
      const { name, choices } = /^\{(?<name>\w+)(?::(?<choices>.+))?\}$/u.exec(segment)?.groups ?? {};
      if (name === undefined) {
        node = getOrAdd(node.literal, segment);
        continue;
      }
      names.push(name);
      // Two routes that name a segment alike share its place in the tree.
      const shape = choices ?? "";
      let branch = node.named.find((candidate) => candidate.segment === shape);
      if (branch === undefined) node.named.push((branch = { segment: shape, fits: fitting(choices), node: newNode() }));
      ({ node } = branch);
    }
    if (node.routes.has(route.method)) throw new Error(`Two routes for ${route.method} ${route.pattern}`);
    node.routes.set(route.method, { route, names });
  }
}

/** The first place that ends the path and is `wanted`; `values` collects what the named segments are. */
function search(
  node: Node,
  segments: readonly string[],
  depth: number,
  values: string[],
  wanted: (node: Node) => boolean,
): Node | undefined {
  if (depth === segments.length) return wanted(node) ? node : undefined;
  const segment = segments[depth] ?? "";
  const literal = node.literal.get(segment);
  const found = literal === undefined ? undefined : search(literal, segments, depth + 1, values, wanted);
  if (found !== undefined) return found;
  for (const branch of node.named) {
    if (!branch.fits(segment)) continue;
    values.push(segment);
    const behind = search(branch.node, segments, depth + 1, values, wanted);
    if (behind !== undefined) return behind;
    values.pop();
  }
  return undefined;
}

function newNode(): Node {
  return { literal: new Map(), named: [], routes: new Map() };
}

function getOrAdd(nodes: Map<string, Node>, segment: string): Node {
  let node = nodes.get(segment);
  if (node === undefined) nodes.set(segment, (node = newNode()));
  return node;
}

function segmentsOf(path: string): readonly string[] {
  return path.slice(1).split("/");
}

function fitting(choices: string | undefined): (value: string) => boolean {
  if (choices === undefined) return (value) => value !== "";
  const expression = new RegExp(`^(?:${choices})$`, "u");
  const words = new Set(/^[\w.|-]+$/u.test(choices) ? choices.split("|") : []);
  return words.size > 0 ? (value) => words.has(value) : (value) => expression.test(value);
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
