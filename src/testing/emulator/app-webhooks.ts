/**
 * What an app configured about webhooks: where they go, and for which events. Kept per app; nothing is delivered by itself
 * (`emulator.deliverWebhook()` does that).
 */

/** One subscription, as HubSpot names its fields. Times are ISO 8601. */
export interface WebhookSubscription {
  readonly id: string;
  /** `contact.creation`, `object.propertyChange` and so on. */
  readonly eventType: string;
  readonly propertyName?: string;
  readonly objectTypeId?: string;
  readonly active: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Where an app's webhooks go, as HubSpot names its fields. */
export interface WebhookSettings {
  readonly targetUrl: string;
  readonly throttling: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** One app's webhooks. */
export interface AppWebhooks {
  /** Where events go; `undefined` until it is set. */
  settings: WebhookSettings | undefined;
  /** What it wants to hear of. */
  subscriptions: WebhookSubscription[];
  /** The id that the next subscription gets. */
  nextId: number;
}

/** The webhooks of all apps, by app id. Plain data inside, for snapshots. */
export class WebhookRegistry {
  readonly #apps = new Map<number, AppWebhooks>();

  /** One app's webhooks; made when they are first asked for. */
  of(appId: number): AppWebhooks {
    let webhooks = this.#apps.get(appId);
    if (webhooks === undefined) this.#apps.set(appId, (webhooks = { settings: undefined, subscriptions: [], nextId: 1_001 }));
    return webhooks;
  }

  /** Everything, by app id. */
  entries(): (readonly [number, AppWebhooks])[] {
    return [...this.#apps];
  }

  /** Replaces everything. */
  restore(entries: readonly (readonly [number, AppWebhooks])[]): void {
    this.#apps.clear();
    for (const [appId, webhooks] of entries) this.#apps.set(appId, webhooks);
  }
}
