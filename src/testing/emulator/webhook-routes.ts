/**
 * The webhooks API, an app-level one: the app's developer API key in `?hapikey=` opens it, and nothing else does.
 * `/webhooks/v3/{appId}/…` and the dated paths. HubSpot, "Webhooks API guide", read 2026-11.
 */

import { authenticationMissing, objectNotFound, validationError } from "./api-errors.js";
import type { AppWebhooks, WebhookSubscription } from "./app-webhooks.js";
import { invalidBody, isObject } from "./crm-representation.js";
import { type EmulatorResponse, empty, json } from "./messages.js";
import type { EmulatorRoute } from "./request-log.js";
import type { Route, RouteContext, RouteHandler } from "./route-table.js";

interface AppContext extends RouteContext {
  readonly webhooks: AppWebhooks;
  /** The emulator's time, ISO 8601. */
  readonly now: string;
}

/** The routes of this file. */
export const webhookRoutes: readonly Route[] = [
  ...routes("webhook-subscriptions", "GET", "/subscriptions", listSubscriptions),
  ...routes("webhook-subscription-create", "POST", "/subscriptions", createSubscription),
  ...routes("webhook-subscription-read", "GET", "/subscriptions/{subscriptionId}", readSubscription),
  ...routes("webhook-subscription-update", "PATCH", "/subscriptions/{subscriptionId}", updateSubscription),
  ...routes("webhook-subscription-delete", "DELETE", "/subscriptions/{subscriptionId}", deleteSubscription),
  ...routes("webhook-settings", "GET", "/settings", readSettings),
  ...routes("webhook-settings-update", "PUT", "/settings", updateSettings),
  ...routes("webhook-settings-delete", "DELETE", "/settings", deleteSettings),
];

function routes(name: EmulatorRoute, method: string, rest: string, handle: (context: AppContext) => EmulatorResponse): Route[] {
  const handler: RouteHandler = (context) => {
    const { state, params, query } = context;
    const app = state.apps.find((candidate) => String(candidate.appId) === params["appId"]);
    if (app === undefined || query["hapikey"] !== app.developerApiKey) return authenticationMissing();
    return handle({ ...context, webhooks: state.webhooks.of(app.appId), now: new Date(state.now()).toISOString() });
  };
  const pattern = String.raw`/webhooks/{version:v3|2026-03|2026-09}/{appId:\d+}${rest}`;
  return [{ name, method, pattern, handler }];
}

function listSubscriptions({ webhooks }: AppContext): EmulatorResponse {
  return json(200, { results: webhooks.subscriptions });
}

function createSubscription({ request, webhooks, now }: AppContext): EmulatorResponse {
  const body = isObject(request.json) ? request.json : {};
  const { eventType, propertyName, objectTypeId, active = false } = body;
  if (typeof eventType !== "string" || !/^\w+(?:\.\w+)+$/u.test(eventType)) return invalidBody("an eventType");
  if (typeof active !== "boolean") return invalidBody("an active that is true or false");
  if (eventType.endsWith(".propertyChange") && typeof propertyName !== "string") {
    return validationError(`A ${eventType} subscription needs a propertyName`);
  }
  const subscription: WebhookSubscription = {
    id: String(webhooks.nextId++),
    eventType,
    ...(typeof propertyName === "string" ? { propertyName } : {}),
    ...(typeof objectTypeId === "string" ? { objectTypeId } : {}),
    active,
    createdAt: now,
    updatedAt: now,
  };
  webhooks.subscriptions.push(subscription);
  return json(201, subscription);
}

function readSubscription({ params, webhooks }: AppContext): EmulatorResponse {
  const found = webhooks.subscriptions.find(({ id }) => id === params["subscriptionId"]);
  return found === undefined ? objectNotFound() : json(200, found);
}

/** HubSpot lets a subscription be switched on and off, and nothing else of it be changed. */
function updateSubscription({ request, params, webhooks, now }: AppContext): EmulatorResponse {
  const active = isObject(request.json) ? request.json["active"] : undefined;
  if (typeof active !== "boolean") return invalidBody("an active that is true or false");
  const index = webhooks.subscriptions.findIndex(({ id }) => id === params["subscriptionId"]);
  const found = webhooks.subscriptions[index];
  if (found === undefined) return objectNotFound();
  const changed = { ...found, active, updatedAt: now };
  webhooks.subscriptions[index] = changed;
  return json(200, changed);
}

function deleteSubscription({ params, webhooks }: AppContext): EmulatorResponse {
  const rest = webhooks.subscriptions.filter(({ id }) => id !== params["subscriptionId"]);
  if (rest.length === webhooks.subscriptions.length) return objectNotFound();
  webhooks.subscriptions = rest;
  return empty(204);
}

function readSettings({ webhooks }: AppContext): EmulatorResponse {
  return webhooks.settings === undefined ? objectNotFound() : json(200, webhooks.settings);
}

function updateSettings({ request, webhooks, now }: AppContext): EmulatorResponse {
  const { targetUrl, throttling } = isObject(request.json) ? request.json : {};
  if (typeof targetUrl !== "string" || !URL.canParse(targetUrl)) return invalidBody("a targetUrl");
  if (!isObject(throttling)) return invalidBody("throttling");
  webhooks.settings = { targetUrl, throttling, createdAt: webhooks.settings?.createdAt ?? now, updatedAt: now };
  return json(200, webhooks.settings);
}

function deleteSettings({ webhooks }: AppContext): EmulatorResponse {
  webhooks.settings = undefined;
  return empty(204);
}
