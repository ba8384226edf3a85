/**
 * LK-01 to LK-08, the client's side: flows that go wrong in many ways, and a search for every secret of theirs in whatever an application
 * might log: errors, events, warnings, URLs, stdout and stderr.
 */
import diagnostics from "node:diagnostics_channel";
import { readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { HubSpotOAuthClient, type HubSpotOAuthEvent, MemoryTokenStore } from "../src/index.js";
import { begin, failureOf, offline, queryOf } from "./client/flow.js";
import { clientOf, connect, type Emulator, emulate } from "./support/setup.js";

/** Collects what could reach a log, until the test ends. */
class Sweep {
  readonly texts: string[] = [];
  readonly secrets = new Set<string>();

  constructor() {
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      const spy = vi.spyOn(stream, "write").mockImplementation((chunk, ...rest) => {
        this.texts.push(String(chunk));
        return write(chunk, ...(rest as []));
      });
      onTestFinished(() => spy.mockRestore());
    }
    const warned = (warning: Error): void => this.error(warning);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
  }

  secret(...values: (string | undefined)[]): void {
    for (const value of values) if (value !== undefined && value.length >= 8) this.secrets.add(value);
  }

  error(error: unknown): void {
    const { message, stack, cause } = error as Error;
    this.texts.push(message, stack ?? "", JSON.stringify(error), inspect(error, { depth: Infinity, showHidden: true }), String(error));
    if (cause !== undefined) this.error(cause);
  }

  /** Every secret that HubSpot's side saw. */
  learn(emulator: Emulator): void {
    for (const app of emulator.apps) this.secret(app.clientSecret);
    for (const { token } of emulator.accessTokens) this.secret(token);
    for (const { refreshToken } of emulator.grants) this.secret(refreshToken);
    for (const { form, url } of emulator.requests) {
      this.secret(form?.["code"], form?.["code_verifier"], form?.["refresh_token"], form?.["token"], form?.["client_secret"]);
      this.texts.push(url);
    }
  }

  /** The secrets that stand somewhere, in any spelling. */
  found(): string[] {
    const all = this.texts.join("\n");
    return [...this.secrets].filter((secret) =>
      [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("base64url")].some((text) =>
        all.includes(text.replace(/=+$/, "")),
      ),
    );
  }
}

const ECHO_FIELDS = ["error_description", "message"] as const;

test("the sweep finds a secret where one is", () => {
  const sweep = new Sweep();
  sweep.secret("CANARY-0123456789", "CANARY-nowhere-at-all", "CANARY-in-base64!");
  sweep.error(new Error("outer", { cause: Object.assign(new Error("inner"), { config: { token: "CANARY-0123456789" } }) }));
  sweep.texts.push(Buffer.from("CANARY-in-base64!").toString("base64"));
  expect(sweep.found()).toEqual(["CANARY-0123456789", "CANARY-in-base64!"]);
});

test("LK-01 LK-06 no token, code, verifier or secret in errors, events, URLs or output, whatever goes wrong", async () => {
  const sweep = new Sweep();
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const { oauth, events } = clientOf(emulator, { timeoutMs: 2_000 });
  const id = await connect(oauth, emulator);
  const failures = [
    { status: 400, body: { error: "invalid_grant", status: "BAD_AUTH_CODE", message: "missing or unknown auth code" } },
    { status: 400, body: { error: "invalid_client" } },
    { status: 418, body: "teapot" },
    { status: 429, body: { status: "error" }, headers: { "retry-after": "1" } },
    { status: 500, body: "<html>" },
    { status: 302, headers: { location: "https://elsewhere.example/" } },
    { status: 200, body: "not json" },
    { status: 200, body: { access_token: "CANARY bad token" } },
    { destroy: true },
    { destroy: true, process: true },
  ];
  sweep.secret("CANARY bad token");
  for (const failure of failures) {
    const flow = await begin(oauth, emulator);
    sweep.secret(queryOf(flow.callback).get("code") ?? undefined, flow.cookie?.split("=")[1]);
    sweep.texts.push(flow.url);
    emulator.respondOnce("token", failure);
    sweep.error(await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie })));
    sweep.error(await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie })));
    sweep.error(await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: undefined })));
    for (const [route, call] of [
      ["introspect", () => oauth.introspect(String(emulator.accessTokens[0]?.token))],
      ["revoke", () => oauth.revoke("CANARY-refresh-token")],
      ["token", () => oauth.refresh("CANARY-refresh-token")],
      ["introspect", () => oauth.saveTokens({ accessToken: "CANARY-access-token" })],
    ] as const) {
      emulator.respondOnce(route, failure);
      await call().catch((error: unknown) => sweep.error(error));
    }
    await oauth.getAccessToken(id, { force: true }).catch((error: unknown) => sweep.error(error));
    emulator.advance(120_000);
  }
  sweep.texts.push(inspect(await oauth.getAccount(id), { depth: Infinity }), JSON.stringify(await oauth.disconnect(id)));
  sweep.texts.push(inspect(events, { depth: Infinity, showHidden: true }), JSON.stringify(events));
  sweep.texts.push(inspect(oauth, { depth: Infinity, showHidden: true }), JSON.stringify(oauth));
  sweep.texts.push(inspect(oauth.account(id), { depth: Infinity }), JSON.stringify(oauth.account(id)));
  sweep.learn(emulator);
  expect(sweep.secrets.size).toBeGreaterThan(20);
  expect(sweep.found()).toEqual([]);
});

test("LK-01 a completed authorization prints no token", async () => {
  const sweep = new Sweep();
  const emulator = await emulate();
  const flow = await begin(clientOf(emulator).oauth, emulator);
  const { oauth } = clientOf(emulator);
  const done = await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  sweep.texts.push(inspect(done, { depth: Infinity, showHidden: true }), JSON.stringify(done));
  sweep.learn(emulator);
  expect(sweep.found()).toEqual([]);
});

test("LK-01 a listener that throws is named, its words are not repeated", async () => {
  const sweep = new Sweep();
  sweep.secret("CANARY-of-the-listener");
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const onEvent = (event: HubSpotOAuthEvent): never => {
    throw new RangeError(`CANARY-of-the-listener ${event.type}`);
  };
  await offline({ onEvent }).createAuthorization();
  const warning = await warned;
  expect(warning.message).toBe('onEvent threw RangeError on "authorization.started"');
  expect(sweep.found()).toEqual([]);
});

test.each(["CANARY-token\r\nX-Evil: 1", "CANARY-token\u0000", "CANARY token"])(
  "LK-03 a token that no header can carry is not quoted",
  async (token) => {
    const sweep = new Sweep();
    sweep.secret("CANARY-token", "CANARY token");
    const oauth = offline();
    for (const call of [
      oauth.refresh(token),
      oauth.revoke(token),
      oauth.introspect(token),
      oauth.saveTokens({ accessToken: token, hubId: "1", scopes: [] }),
      oauth.saveTokens({ refreshToken: token, hubId: "1", scopes: [] }),
    ]) {
      const error = await failureOf(call);
      expect(error).toBeInstanceOf(TypeError);
      sweep.error(error);
    }
    expect(sweep.found()).toEqual([]);
  },
);

test.each(["apiOrigin", "authorizeOrigin", "redirectUri", "clientId", "clientSecret", "stateSecret", "userAgent"])(
  "LK-04 the value of a wrong %s is not quoted",
  (name) => {
    const sweep = new Sweep();
    sweep.secret("u:CANARY-in-option");
    // None of them is good for anything: no URL, too short for a secret, a line break.
    for (const value of ["https://u:CANARY-in-option@[\n", "//u:CANARY-in-option@h/\n", "u:CANARY-in-option\n"]) {
      try {
        offline({ [name]: value });
        expect.fail(`${name} took ${value}`);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        sweep.error(error);
      }
    }
    expect(sweep.found()).toEqual([]);
  },
);

/** A driver's error as ioredis and pg make them: the record is in it. */
function driverError(record: unknown): Error {
  const detail = `Failing row contains (${JSON.stringify(record)}, CANARY-refresh-token)`;
  return Object.assign(new Error(detail), { code: "23514", detail, where: detail, command: { name: "set", args: [detail] } });
}

test.each<[operation: string, call: (oauth: HubSpotOAuthClient) => Promise<unknown>]>([
  ["get", (oauth) => oauth.getAccount("24681012")],
  ["set", (oauth) => oauth.saveTokens({ refreshToken: "CANARY-refresh-token", hubId: "1", scopes: [] })],
  ["delete", (oauth) => oauth.disconnect("24681012", { revoke: false })],
  ["list", (oauth) => oauth.accounts().next()],
])("LK-05 what a store's driver attaches to an error of its %s does not come through", async (operation, call) => {
  const sweep = new Sweep();
  const emulator = await emulate();
  const tokenStore = new MemoryTokenStore();
  const { oauth } = clientOf(emulator, { tokenStore });
  await connect(oauth, emulator);
  const fail = (): Promise<never> => Promise.reject(driverError(emulator.grants));
  const failing = operation === "list" ? () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }) : fail;
  Object.defineProperty(tokenStore, operation, { value: failing });
  const error = await failureOf(call(oauth));
  expect(error).toMatchObject({ code: "token_store", operation, driverCode: "23514" });
  sweep.error(error);
  sweep.secret("CANARY-refresh-token");
  sweep.learn(emulator);
  expect(sweep.found()).toEqual([]);
});

test("LK-05 nor when a store's list throws at once", async () => {
  const tokenStore = new MemoryTokenStore();
  tokenStore.list = () => {
    throw driverError({});
  };
  const error = await failureOf(offline({ tokenStore }).accounts().next());
  expect(error).toMatchObject({ code: "token_store", operation: "list", driverCode: "23514" });
});

test("LK-07 a server that echoes our secrets does not put them into errors, in any spelling", async () => {
  const sweep = new Sweep();
  const emulator = await emulate({ app: { clientSecret: "CANARY-client/secret+1==" } });
  const { oauth } = clientOf(emulator);
  const { clientSecret } = emulator.app;
  sweep.secret(clientSecret, "CANARY-refresh/token+1==");
  for (const secret of [clientSecret, "CANARY-refresh/token+1=="]) {
    for (const spelling of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]) {
      for (const field of ECHO_FIELDS) {
        emulator.respondOnce("token", { status: 400, body: { error: "novel", [field]: `got ${spelling}`, echo: spelling } });
        const error = await failureOf(oauth.refresh("CANARY-refresh/token+1=="));
        expect(error).toMatchObject({ code: "token_request_failed", error: "novel" });
        sweep.error(error);
      }
    }
  }
  expect(sweep.found()).toEqual([]);
});

test.each(["error", "status", "correlationId"])("LK-07 nor in the short words: %s", async (field) => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  emulator.respondOnce("token", { status: 400, body: { error: "novel", [field]: emulator.app.clientSecret } });
  const error = await failureOf(oauth.refresh("a-refresh-token"));
  expect(error.message + JSON.stringify(error)).not.toContain(emulator.app.clientSecret);
});

test("LK-07 of HubSpot's body only known fields are kept, on one line and cut at 200 characters", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const body = { error: "novel", error_description: `line\r\n[ERROR] forged\u001b[31m${"x".repeat(5_000)}`, debug: "CANARY-debug" };
  emulator.respondOnce("token", { status: 400, body });
  const error = await failureOf(oauth.refresh("a-refresh-token"));
  const { errorDescription } = error as { errorDescription?: string };
  expect(errorDescription).toHaveLength(200);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  expect(error.message.length).toBeLessThan(400);
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain("CANARY-debug");
});

test("LK-08 undici's own channel shows the token to every subscriber, and the documentation says so", async () => {
  const seen: string[] = [];
  const onRequest = (event: unknown): void => void seen.push(String((event as { request: { headers: unknown } }).request.headers));
  diagnostics.subscribe("undici:request:create", onRequest);
  onTestFinished(() => void diagnostics.unsubscribe("undici:request:create", onRequest));
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const accountId = await connect(oauth, emulator);
  await oauth.accountInfo(accountId);
  expect(seen.join(" ")).toContain(`Bearer ${await oauth.getAccessToken(accountId)}`);
  const security = await readFile(new URL("../docs/security.md", import.meta.url), "utf8");
  expect(security).toContain("**`undici:request:create`**");
});
