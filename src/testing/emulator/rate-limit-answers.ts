/**
 * HubSpot's 429s, word for word where they were captured (each policy has a body of its own). Nothing here decides when one is due.
 */

import { randomUUID } from "node:crypto";
import { type EmulatorResponse, json } from "./messages.js";

/** What HubSpot limits: calls in ten seconds, searches in a second, calls in a day, and the token endpoint by a rule it does not publish. */
export type RateLimitPolicy = "TEN_SECONDLY_ROLLING" | "SECONDLY" | "DAILY" | "TOKEN_ENDPOINT";

/**
 * 429. HubSpot documents no Retry-After on it, and names no policy on SECONDLY and the token endpoint: `namePolicy` adds `policyName` to
 * SECONDLY, as some describe it.
 */
export function tooManyRequests(
  policy: RateLimitPolicy,
  headers: Readonly<Record<string, string>> = {},
  namePolicy = false,
): EmulatorResponse {
  const correlationId = randomUUID();
  return json(429, body(policy, correlationId, namePolicy), { ...headers, "x-hubspot-correlation-id": correlationId });
}

function body(policy: RateLimitPolicy, correlationId: string, namePolicy: boolean): object {
  const status = "error";
  switch (policy) {
    case "TEN_SECONDLY_ROLLING":
    case "DAILY": {
      const message = `You have reached your ${policy === "DAILY" ? "daily" : "ten_secondly_rolling"} limit.`;
      return { status, message, errorType: "RATE_LIMIT", correlationId, policyName: policy, requestId: correlationId };
    }
    case "SECONDLY": {
      const recorded = { status, message: "You have reached your secondly limit.", correlationId, category: "RATE_LIMITS" };
      return namePolicy ? { ...recorded, policyName: policy } : recorded;
    }
    case "TOKEN_ENDPOINT":
      return { status, message: "You have reached your rate limit.", errorType: "RATE_LIMIT" };
  }
}
