/**
 * Webhooks as HubSpot sends them: one signed POST with a batch of events, over a real connection to the app under test.
 * HubSpot's own tries, up to ten in a day, are left to the test.
 */

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type SignatureVersion, signatureHeaders } from "./request-signing.js";

/** One event of a batch. What is not given is made up. */
export interface WebhookEvent {
  /** `contact.creation`, `object.propertyChange` and so on. */
  readonly subscriptionType: string;
  /** The record it is about. @default none */
  readonly objectId?: number | undefined;
  /** The account. @default the first account's id */
  readonly portalId?: number | undefined;
  /** Any other field of HubSpot's, in its own name. It wins over what is made up. */
  readonly [field: string]: unknown;
}

/** How a webhook is delivered. */
export interface WebhookDeliveryOptions {
  /** Whose client secret signs, by client id. @default the first app's */
  readonly clientId?: string | undefined;
  /** `v1` and `v2` send that signature beside v3's; `v3` sends it alone. @default "v1", as HubSpot's webhooks do */
  readonly signature?: SignatureVersion | undefined;
  /** More headers, or others: `{ "x-hubspot-signature-v3": "forged" }`. Names in lower case. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Aborts the delivery. HubSpot itself waits five seconds. */
  readonly signal?: AbortSignal | undefined;
}

/** What the app answered. */
export interface WebhookAnswer {
  readonly status: number;
  readonly body: string;
  /** The raw body that was sent. */
  readonly sent: string;
}

/** Who sends, and when. */
export interface WebhookSender {
  readonly app: { readonly appId: number; readonly clientSecret: string };
  readonly hubId: number;
  readonly nowMs: number;
}

/** The events with everything HubSpot would send along. Ids count up from the emulator's time, so that none comes twice. */
function completeEvents(events: readonly WebhookEvent[], { app, hubId, nowMs }: WebhookSender): readonly object[] {
  return events.map((event, index) => ({
    eventId: nowMs + index,
    subscriptionId: 1_001,
    portalId: hubId,
    appId: app.appId,
    occurredAt: nowMs,
    attemptNumber: 0,
    changeSource: "CRM",
    ...event,
  }));
}

/** Sends one batch and answers what came back. Rejects with node's error when nothing did. */
export async function deliverWebhook(
  url: string | URL,
  events: readonly WebhookEvent[],
  sender: WebhookSender,
  { signature = "v1", headers = {}, signal }: WebhookDeliveryOptions,
): Promise<WebhookAnswer> {
  const target = new URL(url);
  const sent = JSON.stringify(completeEvents(events, sender));
  const signed = signatureHeaders({ url: target, body: sent }, signature, sender.app.clientSecret, sender.nowMs);
  const send = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(target, {
      method: "POST",
      // A connection of its own: none is left behind.
      agent: false,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(sent),
        ...signed,
        ...headers,
      },
      ...(signal === undefined ? {} : { signal }),
    });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), sent }));
    });
    request.end(sent);
  });
}
