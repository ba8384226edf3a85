/**
 * A connected account without a browser: begins a client's own flow, decides as the user would, and finishes it.
 * The client is known by its shape only: the emulator imports nothing of what it tests.
 */

import { randomUUID } from "node:crypto";

/** What is asked of a client: `HubSpotOAuthClient` has it. */
export interface ConnectableClient<Connected> {
  /** Begins a flow. */
  createAuthorization(options: { binding: string; scopes?: string[]; optionalScopes?: string[] }): Promise<{ readonly url: string }>;
  /** Takes the callback, and answers what `emulator.connect()` answers. */
  completeAuthorization(options: { url: string; binding: string }): Promise<Connected>;
}

/** Options of `emulator.connect()`. */
export interface ConnectOptions {
  /** The HubSpot account, by its hub id. @default the first one */
  readonly account?: number | string | undefined;
  /** Who signs in, by user id. @default the account's first user */
  readonly user?: number | string | undefined;
  /** Asked for beside the scopes that the client is configured with. @default [] */
  readonly scopes?: readonly string[] | undefined;
  /** As `scopes`, for those that HubSpot drops when the account cannot grant them. @default [] */
  readonly optionalScopes?: readonly string[] | undefined;
}

/** Connects one account; answers what the client's `completeAuthorization` does. */
export async function connectAccount<Connected>(
  client: ConnectableClient<Connected>,
  { account, user, scopes = [], optionalScopes = [] }: ConnectOptions,
  authorize: (url: string, decision: { hubId: number | string | undefined; userId: number | string | undefined }) => Promise<string>,
): Promise<Connected> {
  const binding = randomUUID();
  const { url } = await client.createAuthorization({ binding, scopes: [...scopes], optionalScopes: [...optionalScopes] });
  return await client.completeAuthorization({ url: await authorize(url, { hubId: account, userId: user }), binding });
}
