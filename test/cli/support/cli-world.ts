/**
 * An emulator, a project folder with a file store, and accounts connected in it, for one test. When the test ends, everything that its
 * processes wrote is searched for every token, secret and key there was: only a run that was started as `reveals` may show one.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { HubSpotOAuthClient, type TokenStore } from "../../../src/index.js";
import { EncryptedTokenStore, type EncryptionKey } from "../../../src/stores/encrypted.js";
import { FileTokenStore } from "../../../src/stores/file.js";
import { connect, emulate, type Emulator } from "../../support/setup.js";
import type { Ended, InstalledCli, Run, Surroundings } from "./installed-cli.js";

/** What a test works with. */
export interface CliWorld {
  readonly emulator: Emulator;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** A client over the same store, as an application has. */
  readonly oauth: HubSpotOAuthClient;
  readonly tokenStore: TokenStore;
  /** Connects another account of the emulator. */
  connect(hubId: number): Promise<string>;
  run(args: readonly string[], more?: Surroundings & { readonly reveals?: boolean }): Promise<Ended>;
  start(args: readonly string[], more?: Surroundings): Run;
}

/** Options of a world. */
export interface CliWorldOptions {
  readonly emulator?: Parameters<typeof emulate>[0];
  readonly files?: Readonly<Record<string, string>>;
  /** Another store than the file store: its address for the program, and itself. */
  readonly store?: { readonly address: string; readonly namespace: string | undefined; readonly tokenStore: TokenStore };
  /** Seals the records. */
  readonly keys?: readonly (EncryptionKey & { readonly key: string })[];
}

/** A key of 32 random bytes. */
export function newKey(id: string): EncryptionKey & { readonly key: string } {
  return { id, key: randomBytes(32).toString("base64") };
}

/** `id=key` pairs, as the environment has them. */
export const keysVariable = (keys: readonly (EncryptionKey & { readonly key: string })[]): string =>
  keys.map(({ id, key }) => `${id}=${key}`).join(" ");

/** Makes one. */
export async function createCliWorld(cli: InstalledCli, options: CliWorldOptions = {}): Promise<CliWorld> {
  const emulator = await emulate({ app: { clientSecret: "secret-of-the-app-c4n4ry" }, ...options.emulator });
  const folder = await cli.project(options.files);
  const { store, keys } = options;
  const inner = store?.tokenStore ?? new FileTokenStore({ directory: join(folder, ".hubspot-oauth") });
  const tokenStore = keys === undefined ? inner : new EncryptedTokenStore({ store: inner, keys });
  const env = {
    HUBSPOT_CLIENT_ID: emulator.app.clientId,
    HUBSPOT_CLIENT_SECRET: emulator.app.clientSecret,
    HUBSPOT_REDIRECT_URI: emulator.app.redirectUris[0] ?? "",
    HUBSPOT_SCOPES: emulator.app.requiredScopes.join(" "),
    HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin,
    HUBSPOT_API_ORIGIN: emulator.origin,
    HUBSPOT_OAUTH_STORE: store?.address ?? "file:.hubspot-oauth",
    ...(store?.namespace !== undefined && { HUBSPOT_OAUTH_NAMESPACE: store.namespace }),
    ...(keys !== undefined && { HUBSPOT_OAUTH_KEYS: keysVariable(keys) }),
  };
  const oauth = new HubSpotOAuthClient({
    clientId: env.HUBSPOT_CLIENT_ID,
    clientSecret: env.HUBSPOT_CLIENT_SECRET,
    redirectUri: env.HUBSPOT_REDIRECT_URI,
    scopes: emulator.app.requiredScopes,
    authorizeOrigin: emulator.origin,
    apiOrigin: emulator.origin,
    apiVersion: "2026-09",
    tokenStore,
  });
  onTestFinished(() => oauth.close());

  const secretive: Run[] = [];
  onTestFinished(() => expectNoSecrets(secretive, emulator, keys?.map(({ key }) => key) ?? []));
  const start: CliWorld["start"] = (args, more = {}) => {
    const run = cli.start(args, { cwd: folder, ...more, env: { ...env, ...more.env } });
    secretive.push(run);
    return run;
  };
  return {
    ...{ emulator, folder, env, oauth, tokenStore, start },
    connect: (hubId) => connect(oauth, emulator, { hubId }),
    run: async (args, { reveals = false, ...more } = {}) => {
      const run = start(args, { input: "", ...more });
      if (reveals) secretive.pop();
      return run.ended();
    },
  };
}

/** Every form in which a secret could have been written. */
function expectNoSecrets(runs: readonly Run[], emulator: Emulator, keys: readonly string[]): void {
  const codes = emulator.requests.flatMap(({ form }) => [form?.["code"], form?.["code_verifier"]]).filter((code) => code !== undefined);
  const secrets = [
    ...[emulator.app.clientSecret, ...keys, ...codes],
    ...emulator.accessTokens.map(({ token }) => token),
    ...emulator.grants.map(({ refreshToken }) => refreshToken),
  ];
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64url").slice(0, -2)]);
  for (const { stdout, stderr } of runs) {
    const written = stdout + stderr;
    expect(forms.filter((form) => written.includes(form))).toEqual([]);
  }
}
