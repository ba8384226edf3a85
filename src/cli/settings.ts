/**
 * What the commands work on: the environment over the configuration file, each field checked and named when it is wrong. Values are never
 * quoted, since any of them may be a secret. A configuration in JavaScript is the user's own program and is run as such.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import type { ApiVersion, HubSpotOAuthClient, HubSpotOAuthClientOptions, TokenStore } from "../index.js";
import { SettingsError } from "./exit-status.js";

/** What is looked for in the current directory. */
const FILES = ["hubspot-oauth.config.mjs", "hubspot-oauth.config.js", "hubspot-oauth.config.json"];

/** Who reads which variable. Lists are separated by spaces or commas. */
export const VARIABLES = {
  clientId: "HUBSPOT_CLIENT_ID",
  clientSecret: "HUBSPOT_CLIENT_SECRET",
  redirectUri: "HUBSPOT_REDIRECT_URI",
  scopes: "HUBSPOT_SCOPES",
  optionalScopes: "HUBSPOT_OPTIONAL_SCOPES",
  authorizeOrigin: "HUBSPOT_AUTHORIZE_ORIGIN",
  apiOrigin: "HUBSPOT_API_ORIGIN",
  store: "HUBSPOT_OAUTH_STORE",
  namespace: "HUBSPOT_OAUTH_NAMESPACE",
  encryptionKeys: "HUBSPOT_OAUTH_KEYS",
} as const;

const text = z.string().min(1);

/** What a file in JSON may hold. */
const jsonFields = {
  clientId: text.optional(),
  clientSecret: text.optional(),
  redirectUri: text.optional(),
  scopes: z.array(text).optional(),
  optionalScopes: z.array(text).optional(),
  apiVersion: z.enum(["auto", "v1", "v3", "2026-03", "2026-09"]).optional(),
  authorizeOrigin: text.optional(),
  apiOrigin: text.optional(),
  store: text.optional(),
  namespace: text.optional(),
  /** `env` names the variable that holds the key. */
  encryptionKeys: z
    .array(z.strictObject({ id: text, env: text }))
    .min(1)
    .optional(),
};
const JsonFile = z.strictObject(jsonFields);
/** A module may also bring what JSON cannot say. */
const ModuleFile = z.strictObject({
  ...jsonFields,
  oauth: withMethods<HubSpotOAuthClient>("getAccessToken", "close").optional(),
  tokenStore: withMethods<TokenStore>("get", "set", "delete").optional(),
  clientOptions: z.custom<Partial<HubSpotOAuthClientOptions>>(isObject, "must be an object of client options").optional(),
  close: z.custom<() => unknown>((value) => typeof value === "function", "must be a function").optional(),
});

/** What a configuration file says. */
interface FileFields {
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly optionalScopes?: readonly string[] | undefined;
  readonly apiVersion?: ApiVersion | undefined;
  readonly authorizeOrigin?: string | undefined;
  readonly apiOrigin?: string | undefined;
  readonly store?: string | undefined;
  readonly namespace?: string | undefined;
  readonly encryptionKeys?: readonly { readonly id: string; readonly env: string }[] | undefined;
  readonly oauth?: HubSpotOAuthClient | undefined;
  readonly tokenStore?: TokenStore | undefined;
  readonly clientOptions?: Partial<HubSpotOAuthClientOptions> | undefined;
  readonly close?: (() => unknown) | undefined;
}

/** A key of an encrypted store. */
interface NamedKey {
  readonly id: string;
  readonly key: string;
}

/** Everything that was configured; what is missing is missing. */
export interface Settings extends Omit<FileFields, "encryptionKeys"> {
  /** The file, when there is one. */
  readonly file: string | undefined;
  /** What relative paths and drivers are looked for from. */
  readonly folder: string;
  readonly encryptionKeys: readonly NamedKey[] | undefined;
  /** Whether anything at all was configured. */
  readonly isEmpty: boolean;
}

/** Reads them. @throws SettingsError that names the field or the variable */
export async function readSettings(given: { readonly config?: string; readonly envFile?: string }): Promise<Settings> {
  if (given.envFile !== undefined) loadEnvFile(given.envFile);
  const file = given.config === undefined ? standardFile() : resolve(given.config);
  const fields = file === undefined ? {} : await readFields(file);
  const env = fromEnvironment();
  const { encryptionKeys: keysOfFile, ...rest } = fields;
  return {
    ...rest,
    ...env,
    encryptionKeys:
      keysFromEnvironment() ?? keysOfFile?.map(({ id, env: name }) => ({ id, key: variable(name, `encryptionKeys, "${id}"`) })),
    file,
    folder: file === undefined ? process.cwd() : dirname(file),
    isEmpty: file === undefined && Object.keys(env).length === 0,
  };
}

function standardFile(): string | undefined {
  const found = FILES.map((name) => resolve(name)).filter((path) => existsSync(path));
  if (found.length > 1)
    throw new SettingsError(`There are several configuration files: ${found.join(", ")}. Keep one, or name one with --config.`);
  return found[0];
}

async function readFields(file: string): Promise<FileFields> {
  const isJson = file.endsWith(".json");
  const value = isJson ? await readJson(file) : await importModule(file);
  const parsed = (isJson ? JsonFile : ModuleFile).safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.map(String).join(".") || "the file"}: ${message}`);
  throw new SettingsError(`${file} is not right: ${problems.join("; ")}.`);
}

async function readJson(file: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    throw new SettingsError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}.`);
  }
  try {
    return JSON.parse(content) as unknown;
  } catch {
    // The parser's message quotes the file, which may hold the secret.
    throw new SettingsError(`${file} is not JSON.`);
  }
}

async function importModule(file: string): Promise<unknown> {
  if (!existsSync(file)) throw new SettingsError(`${file} is not there.`);
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new SettingsError(`${file} failed: ${error instanceof Error ? error.message : "it threw something that is no Error"}`, {
      cause: error,
    });
  }
  if (module.default === undefined) throw new SettingsError(`${file} has no default export.`);
  return module.default;
}

/** Only what is set: an empty variable is none. */
function fromEnvironment(): Partial<Settings> {
  const read = (name: keyof typeof VARIABLES): string | undefined => process.env[VARIABLES[name]] || undefined;
  const list = (name: keyof typeof VARIABLES): string[] | undefined =>
    read(name)
      ?.split(/[\s,]+/)
      .filter(Boolean);
  const all = {
    clientId: read("clientId"),
    clientSecret: read("clientSecret"),
    redirectUri: read("redirectUri"),
    scopes: list("scopes"),
    optionalScopes: list("optionalScopes"),
    authorizeOrigin: read("authorizeOrigin"),
    apiOrigin: read("apiOrigin"),
    store: read("store"),
    namespace: read("namespace"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** `id=key` pairs; the first one encrypts. */
function keysFromEnvironment(): NamedKey[] | undefined {
  const pairs = process.env[VARIABLES.encryptionKeys]?.split(/[\s,]+/).filter(Boolean);
  if (pairs === undefined || pairs.length === 0) return undefined;
  return pairs.map((pair) => {
    const [, id, key] = /^([\w.-]+)=(.+)$/.exec(pair) ?? [];
    if (id === undefined || key === undefined)
      throw new SettingsError(`${VARIABLES.encryptionKeys} must hold pairs of id=key, the key in base64, separated by spaces.`);
    return { id, key };
  });
}

function variable(name: string, what: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new SettingsError(`${name} is not set: ${what} is to be read from it.`);
  return value;
}

/** What is set already stays. */
function loadEnvFile(file: string): void {
  try {
    process.loadEnvFile(file);
  } catch (error) {
    throw new SettingsError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}.`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function withMethods<T>(...methods: readonly string[]): z.ZodCustom<T, T> {
  const has = (value: unknown): boolean =>
    isObject(value) && methods.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === "function");
  return z.custom<T>(has, `must be an object with ${methods.map((name) => `${name}()`).join(", ")}`);
}
