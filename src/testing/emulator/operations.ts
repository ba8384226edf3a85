/**
 * What HubSpot does with a request that nothing goes wrong with: finds its route, counts it against the limits, carries it out.
 */

import { apiError, routeNotFound } from "./api-errors.js";
import { limitedCall } from "./bearer.js";
import type { EmulatorResponse, ParsedRequest } from "./messages.js";
import { tooManyRequests } from "./rate-limit-answers.js";
import { RateLimits } from "./rate-limits.js";
import type { RouteMatch } from "./route-table.js";
import { ROUTES } from "./routes.js";
import type { EmulatorState } from "./state.js";

/** The operations of one emulator. */
export class Operations {
  readonly #state: EmulatorState;
  #rateLimits = new RateLimits();

  constructor(state: EmulatorState) {
    this.#state = state;
  }

  /** Forgets the calls that count against limits. */
  forgetCalls(): void {
    this.#rateLimits = new RateLimits();
  }

  /** The route of a request; undefined for none, and for one that HubSpot switched off. */
  find(method: string, path: string): RouteMatch | undefined {
    return this.#isSwitchedOff(path) ? undefined : ROUTES.find(method, path);
  }

  /** Answers a request. What comes before a token is somebody's, no limit is known of. An emulator bug is a 500 that says so. */
  perform(match: RouteMatch | undefined, request: ParsedRequest): EmulatorResponse {
    if (match === undefined) return this.#unknown(request);
    const call = limitedCall(this.#state, match.route.name, request);
    if (call === undefined) return this.#operate(match, request);
    const { refusedBy, headers } = this.#rateLimits.count(call, this.#state.settings.limits, this.#state.now());
    if (refusedBy !== undefined) return tooManyRequests(refusedBy, headers);
    const response = this.#operate(match, request);
    return { ...response, headers: { ...headers, ...response.headers } };
  }

  #operate(match: RouteMatch, request: ParsedRequest): EmulatorResponse {
    try {
      return match.route.handler({ state: this.#state, request, params: match.params, query: request.query });
    } catch (error) {
      return apiError(500, "EMULATOR_BUG", `The emulator failed: ${String(error)}`);
    }
  }

  #unknown({ method, url }: ParsedRequest): EmulatorResponse {
    const path = url.pathname;
    const methods = this.#isSwitchedOff(path) ? [] : ROUTES.methods(path);
    if (methods.length === 0) return routeNotFound(method, path);
    const response = apiError(405, "METHOD_NOT_ALLOWED", `${method} is not allowed on ${path}`);
    return { ...response, headers: { ...response.headers, allow: methods.join(", ") } };
  }

  #isSwitchedOff(path: string): boolean {
    const { v1Sunset, v1SunsetAtMs } = this.#state.settings;
    return path.startsWith("/oauth/v1/") && (v1Sunset ?? this.#state.now() >= v1SunsetAtMs);
  }
}
