/**
 * What the library tells about its work: `onEvent`, and the `node:diagnostics_channel` channels `hubspot-oauth:<event>`.
 * No event holds a token, a code or a secret. A listener that throws never breaks the call it listened to.
 */
import { channel, type Channel } from "node:diagnostics_channel";

/** Every event with what it carries. Account ids are yours; durations are milliseconds. */
export interface HubSpotOAuthEvents {
  /** An authorize URL was built; `accountId` when an account is to be reconnected. */
  "authorization.started": { readonly accountId?: string | undefined };
  /** A callback was handled and its tokens stored; `reconnected` when the account was connected before. */
  "authorization.completed": { readonly accountId: string; readonly hubId: string; readonly reconnected: boolean };
  /** HubSpot answered a callback with `error=`, which is told as it came: text from a URL. */
  "authorization.denied": { readonly error: string };
  /** A refresh request is about to be sent. */
  "refresh.started": { readonly accountId: string };
  /** HubSpot gave new tokens and they are stored, or kept until the store takes them. */
  "refresh.succeeded": { readonly accountId: string; readonly expiresInMs: number; readonly refreshTokenReplaced: boolean };
  /** A refresh did not succeed; `code` is the error's. */
  "refresh.failed": { readonly accountId: string; readonly code: string; readonly retryable: boolean };
  /** A caller joined a refresh that was already under way. */
  "refresh.coalesced": { readonly accountId: string };
  /** Somebody else wrote the record first, and theirs is used. */
  "refresh.lost-race": { readonly accountId: string };
  /** The store did not take new tokens: they are served from memory and written again until it does. */
  "refresh.persist-pending": { readonly accountId: string };
  /** HubSpot refuses the refresh token for good; `reason` is HubSpot's word. */
  "grant.dead": { readonly accountId: string; readonly reason: string };
  /** A request is sent again, after `waitMs`; `reason` says why, `status` is absent when no answer came. */
  "request.retried": {
    readonly credentialId: string;
    readonly status: number | undefined;
    readonly reason: string;
    readonly waitMs: number;
  };
  /** A call waited its turn for 10 ms or more (`LOCAL_QUEUE`), or the token endpoint's 429 pauses every refresh of this client (`TOKEN_ENDPOINT`). */
  "rate-limit.waited": { readonly policyName: string; readonly waitMs: number };
  /** The client has left `/oauth/v1`, since its time came or since it answered 404 or 410; `from` and `to` are paths. */
  "endpoint.moved": { readonly from: string; readonly to: string; readonly reason: "date" | "not-found" };
  /** The store writes without comparing versions: safe inside one process only. Once per client. */
  "store.unsafe": Readonly<Record<never, never>>;
  /** The store could not be read while a cached token was still good; the token was used. */
  "store.failed": { readonly accountId: string; readonly operation: string };
  /** HubSpot's clock and this machine's differ by more than a minute; positive when HubSpot's is ahead. */
  "clock.skew": { readonly skewMs: number };
  /** An account was disconnected and its record deleted. */
  disconnected: { readonly accountId: string; readonly revoked: boolean; readonly uninstalled: boolean };
}

/** The name of an event. */
export type HubSpotOAuthEventName = keyof HubSpotOAuthEvents;

/** One event: its `type` and what it carries, a union that `switch (event.type)` narrows. */
export type HubSpotOAuthEvent = {
  [Name in HubSpotOAuthEventName]: { readonly type: Name } & HubSpotOAuthEvents[Name];
}[HubSpotOAuthEventName];

/** Called with each event, synchronously. */
export type EventListener = (event: HubSpotOAuthEvent) => void;

/** Sends one event to the listener and to its channel. */
export type Emit = <Name extends HubSpotOAuthEventName>(type: Name, details: HubSpotOAuthEvents[Name]) => void;

const channels = new Map<string, Channel>();

/** Makes the `emit` of one client; `listener` is the user's `onEvent`. */
export function createEmit(listener: EventListener | undefined): Emit {
  return (type, details) => {
    let target = channels.get(type);
    if (target === undefined) channels.set(type, (target = channel(`hubspot-oauth:${type}`)));
    if (listener === undefined && !target.hasSubscribers) return;
    const event = { type, ...details } as unknown as HubSpotOAuthEvent;
    target.publish(event);
    try {
      listener?.(event);
    } catch (error) {
      // The listener's error text is not ours to judge, so only its class is named.
      process.emitWarning(`onEvent threw ${error instanceof Error ? error.name : typeof error} on "${type}"`, "HubSpotOAuthWarning");
    }
  };
}
