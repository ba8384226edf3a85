/**
 * What every route on CRM objects begins with: the caller, the object type in the path, and the scope for it. One row becomes one route for
 * `/crm/v3/objects/…` and one for `/crm/objects/{2026-03|2026-09}/…`.
 */

import { unknownObjectType } from "./api-errors.js";
import { authenticate, type Caller, lackedScopes } from "./bearer.js";
import type { CrmCollection } from "./crm-collection.js";
import type { CrmStore } from "./crm-store.js";
import type { EmulatorResponse } from "./messages.js";
import type { CrmObjectType } from "./object-types.js";
import type { EmulatorRoute } from "./request-log.js";
import type { Route, RouteContext, RouteHandler } from "./route-table.js";

/** What a handler of an object route gets. */
export interface ObjectContext extends RouteContext {
  readonly crm: CrmStore;
  readonly type: CrmObjectType;
  readonly records: CrmCollection;
}

/** One operation on objects. */
export interface ObjectOperation {
  readonly name: EmulatorRoute;
  readonly method: string;
  /** Behind the object type: empty, or beginning with a slash. */
  readonly rest: string;
  readonly right: "read" | "write";
  readonly handle: (context: ObjectContext) => EmulatorResponse;
}

/** The routes of an operation. */
export function objectRoutes(operation: ObjectOperation): Route[] {
  const { name, method, rest, right, handle } = operation;
  const handler: RouteHandler = (context) => {
    const caller = authenticate(context, []);
    if ("status" in caller) return caller;
    const type = typeFor(caller, context.params["type"] ?? "", right);
    if ("status" in type) return type;
    const { state, request, params, query } = context;
    const { crm } = caller.account;
    return handle({ state, request, params, query, crm, type, records: crm.of(type) });
  };
  const paths = ["/crm/v3/objects/{type}", "/crm/objects/{version:2026-03|2026-09}/{type}"];
  return paths.map((path) => ({ name, method, pattern: path + rest, handler }));
}

/** The type a name in a path means, when the caller may do this with it; else the error to answer. */
export function typeFor(caller: Caller, name: string, right: "read" | "write"): CrmObjectType | EmulatorResponse {
  const type = caller.account.crm.findType(name);
  if (type === undefined) return unknownObjectType(name);
  return lackedScopes(caller, right === "read" ? type.readScopes : type.writeScopes) ?? type;
}
