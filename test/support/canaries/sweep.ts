/**
 * LK-01 over the whole suite: what every test file of the library project says, in errors, events, warnings, URLs and output, is searched for
 * every secret that an emulator of the same process made. Loaded before each test file; `errorsAreSeen` of vitest.config.ts shows it every
 * error, also one that nobody looks at. A secret that stands somewhere fails the file.
 */
import { randomUUID } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, inspect } from "node:util";
import { afterAll, afterEach, inject } from "vitest";
import { HubSpotEmulator } from "../../../src/testing/emulator/hubspot-emulator.js";
import { findSecrets, type Place } from "./search.js";

/** A file that makes more errors than this in one test, as a fuzz does, shows the rest by their messages only. */
const INSPECTED_PER_TEST = 200;

const emulators = new Set<HubSpotEmulator>();
const places = new Map<string, Place>();
let errors: Error[] = [];
let seen = 0;

function add(kind: Place["kind"], text: string): void {
  seen++;
  if (!places.has(text)) places.set(text, { kind, text });
}

const handle = Reflect.get(HubSpotEmulator.prototype, "handle");
HubSpotEmulator.prototype.handle = function (request) {
  emulators.add(this);
  return handle.call(this, request);
};

function witness(error: Error): void {
  if (errors.length < INSPECTED_PER_TEST) errors.push(error);
  else add("error", error.message);
}
Object.assign(globalThis, { [Symbol.for("hubspot-oauth.test.error")]: witness });

for (const name of ["stdout", "stderr"] as const) {
  const stream = process[name];
  const write = stream.write.bind(stream) as (...all: unknown[]) => boolean;
  stream.write = (chunk: unknown, ...rest: unknown[]) => {
    add("output", typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString());
    return write(chunk, ...rest);
  };
}
// A test runner's console does not write to the streams of its process.
for (const name of ["log", "info", "warn", "error", "debug"] as const) {
  const print = console[name].bind(console);
  console[name] = (...values: unknown[]) => {
    add("output", format(...values));
    print(...values);
  };
}
process.on("warning", (warning) => add("warning", inspect(warning, { depth: Infinity, showHidden: true })));

const eventNames = readFileSync(new URL("../../../src/events.ts", import.meta.url), "utf8").matchAll(
  /^ {2}"?([a-z][\w.-]*)"?: (?:\{|Readonly)/gm,
);
for (const [, name = ""] of eventNames) {
  subscribe(`hubspot-oauth:${name}`, (event) => add("event", inspect(event, { depth: Infinity, showHidden: true })));
}

afterEach(() => {
  for (const error of errors) {
    add("error", [error.stack, inspect(error, { depth: Infinity, showHidden: true }), JSON.stringify(error)].join("\n"));
  }
  errors = [];
});

afterAll(() => {
  const secrets = new Map<string, string>();
  for (const emulator of emulators) {
    for (const { clientSecret } of emulator.apps) secrets.set(clientSecret, "client secret");
    for (const { token } of emulator.accessTokens) secrets.set(token, "access token");
    for (const { refreshToken } of emulator.grants) secrets.set(refreshToken, "refresh token");
    for (const { form, path, query, headers } of emulator.requests) {
      for (const name of ["code", "code_verifier", "refresh_token", "client_secret"]) {
        const value = form?.[name];
        if (value !== undefined) secrets.set(value, name.replace("_", " "));
      }
      // Not those that a test sends by hand. `hapikey` is how HubSpot takes a developer API key; nothing else may stand in a URL.
      if (headers["user-agent"]?.startsWith("hubspot-oauth") === true) add("URL", inspect({ path, ...query, hapikey: undefined }));
    }
  }
  const found = findSecrets([...places.values()], secrets);
  const folder = inject("canaryFolder");
  writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify({ secrets: secrets.size, places: seen, hits: found.length }));
  if (found.length > 0) throw new Error(`LK-01: secrets stand where they must not.\n${found.join("\n")}`);
});
