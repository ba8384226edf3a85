/** What the emulator's own tests share: start and stop, the authorize URL, form posts, a connected account. */

import { onTestFinished } from "vitest";
import {
  type AuthorizeDecision,
  type LoopbackHubSpotEmulator,
  startHubSpotEmulator,
  type StartHubSpotEmulatorOptions,
} from "../../src/testing/index.js";

/** A JSON body, loosely. */
export type Body = Record<string, unknown>;

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
  readonly text: string;
}

/** Starts an emulator that closes when the test ends. */
export async function start(options?: StartHubSpotEmulatorOptions): Promise<LoopbackHubSpotEmulator> {
  const emulator = await startHubSpotEmulator(options);
  onTestFinished(() => emulator.close());
  return emulator;
}

/** Sends a request without following redirects. */
export async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: "manual", ...init });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as Body) : {}, text };
}

/** Posts a form. */
export function post(emulator: LoopbackHubSpotEmulator, path: string, form: Record<string, string>): Promise<Answer> {
  return send(emulator.origin + path, { method: "POST", body: new URLSearchParams(form) });
}

/** The first app's client_id and client_secret, as form fields. */
export function client(emulator: LoopbackHubSpotEmulator): { client_id: string; client_secret: string } {
  return { client_id: emulator.app.clientId, client_secret: emulator.app.clientSecret };
}

/** An authorize URL with good defaults; undefined takes a parameter away. */
export function authorizeUrl(
  emulator: LoopbackHubSpotEmulator,
  changes: Record<string, string | undefined> = {},
  path = "/oauth/authorize",
): string {
  const params = {
    client_id: emulator.app.clientId,
    redirect_uri: emulator.app.redirectUris[0],
    scope: "crm.objects.contacts.read",
    state: "the state",
    ...changes,
  };
  const pairs = Object.entries(params).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  return `${emulator.origin}${path}?${pairs.join("&")}`;
}

/** Grants headlessly and returns the code. */
export async function grantCode(
  emulator: LoopbackHubSpotEmulator,
  changes: Record<string, string | undefined> = {},
  decision: AuthorizeDecision = {},
): Promise<string> {
  const callback = await emulator.authorize(authorizeUrl(emulator, changes), decision);
  return new URL(callback).searchParams.get("code") ?? "no code";
}

/** Exchanges a code on the newest path. */
export function exchange(emulator: LoopbackHubSpotEmulator, code: string, extra: Record<string, string> = {}): Promise<Answer> {
  const redirectUri = emulator.app.redirectUris[0] ?? "";
  const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, ...client(emulator), ...extra };
  return post(emulator, "/oauth/2026-09/token", form);
}

/** Refreshes on the newest path. */
export function refresh(emulator: LoopbackHubSpotEmulator, refreshToken: unknown): Promise<Answer> {
  const form = { grant_type: "refresh_token", refresh_token: String(refreshToken), ...client(emulator) };
  return post(emulator, "/oauth/2026-09/token", form);
}

/** Connects an account and returns the token answer's body. */
export async function connect(
  emulator: LoopbackHubSpotEmulator,
  changes: Record<string, string | undefined> = {},
  decision: AuthorizeDecision = {},
): Promise<Body & { access_token: string; refresh_token: string }> {
  const { body } = await exchange(emulator, await grantCode(emulator, changes, decision));
  return body as Body & { access_token: string; refresh_token: string };
}

/** Calls the API with a token. */
export function call(emulator: LoopbackHubSpotEmulator, path: string, token: string, init: RequestInit = {}): Promise<Answer> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return send(emulator.origin + path, { ...init, headers });
}
