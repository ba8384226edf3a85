/** The error classes: how they are told apart, in one copy of the package and across two, and what they print. */
import { inspect } from "node:util";
import { describe, expect, it, test, vi } from "vitest";
import * as library from "../src/index.js";

const {
  AccountNotConnectedError,
  AuthorizationDeniedError,
  ConfigurationError,
  DecryptionError,
  HubSpotApiError,
  HubSpotOAuthError,
  isHubSpotOAuthError,
  MalformedResponseError,
  MissingScopesError,
  NetworkError,
  RateLimitError,
  ReauthorizationRequiredError,
  RequestSignatureError,
  StateMismatchError,
  TimeoutError,
  TokenRequestError,
  TokenStoreError,
} = library;

/** One of each, made by a given copy of the package. Names and codes are public: programs switch on them. */
function oneOfEach(copy: typeof library): Record<string, library.AnyHubSpotOAuthError> {
  return {
    authorization_denied: new copy.AuthorizationDeniedError("access_denied", "no"),
    state_mismatch: new copy.StateMismatchError("used", "m"),
    token_request_failed: new copy.TokenRequestError("m", { status: 400, retryable: false }),
    reauthorization_required: new copy.ReauthorizationRequiredError("1", "BAD_REFRESH_TOKEN"),
    account_not_connected: new copy.AccountNotConnectedError("1"),
    configuration: new copy.ConfigurationError("m"),
    hubspot_api: new copy.HubSpotApiError("m", { status: 404, errors: [{ message: "quotes a CANARY" }] }),
    missing_scopes: new copy.MissingScopesError({ accountId: "1", scopes: ["a"], anyOf: true }),
    rate_limited: new copy.RateLimitError("m", { policyName: "DAILY" }),
    network: new copy.NetworkError("m", { phase: "connect", sent: false }),
    timeout: new copy.TimeoutError("m", { timeoutMs: 1, sent: true }),
    malformed_response: new copy.MalformedResponseError("m", { status: 200, issues: ["quotes a CANARY"] }),
    token_store: new copy.TokenStoreError("m", { operation: "get" }),
    decryption: new copy.DecryptionError("m"),
    request_signature: new copy.RequestSignatureError("mismatch", "m"),
  };
}

const CLASSES = [
  AuthorizationDeniedError,
  StateMismatchError,
  TokenRequestError,
  ReauthorizationRequiredError,
  AccountNotConnectedError,
  ConfigurationError,
  HubSpotApiError,
  MissingScopesError,
  RateLimitError,
  NetworkError,
  TimeoutError,
  MalformedResponseError,
  TokenStoreError,
  DecryptionError,
  RequestSignatureError,
];

test("each class has a code of its own, which does not change", () => {
  const errors = oneOfEach(library);
  expect(Object.values(errors).map(({ code }) => code)).toEqual(Object.keys(errors));
  expect(new Set(Object.keys(errors)).size).toBe(CLASSES.length);
});

test("every error class the package exports is in the table above", () => {
  const exported = Object.keys(library).filter((name) => name.endsWith("Error") && name !== "isHubSpotOAuthError");
  expect(exported.toSorted()).toEqual([...CLASSES.map(({ name }) => name), "HubSpotOAuthError"].toSorted());
});

describe("an error is an instance of its class and of the base, and of no other class", () => {
  it.each(Object.entries(oneOfEach(library)))("%s", (_code, error) => {
    expect(CLASSES.filter((cls) => error instanceof cls)).toEqual([error.constructor]);
    expect(error).toBeInstanceOf(HubSpotOAuthError);
    expect(error).toBeInstanceOf(Error);
    expect(isHubSpotOAuthError(error)).toBe(true);
    expect(error.name).toBe(error.constructor.name);
    expect(error.stack).toMatch(new RegExp(`^${error.name}: `));
    expect(Object.keys(error)).not.toContain("name");
  });
});

test("what a caller may try again says so, and nothing else does", () => {
  const retryable = Object.values(oneOfEach(library)).flatMap(({ code, retryable: again }) => (again ? [code] : []));
  expect(retryable).toEqual(["rate_limited", "network", "timeout", "token_store"]);
  expect(new NetworkError("m", { phase: "tls", sent: false }).retryable).toBe(false);
  expect(new TokenRequestError("m", { status: 503, retryable: true }).retryable).toBe(true);
  expect(new HubSpotApiError("m", { status: 503, retryable: true }).retryable).toBe(true);
});

test("instanceof holds when another copy of the package threw, and tells its classes apart too", async () => {
  vi.resetModules();
  const copy = await import("../src/index.js");
  expect(copy.TokenRequestError).not.toBe(TokenRequestError);
  for (const [code, error] of Object.entries(oneOfEach(copy))) {
    expect(isHubSpotOAuthError(error), code).toBe(true);
    expect(error).toBeInstanceOf(HubSpotOAuthError);
    expect(CLASSES.filter((cls) => error instanceof cls).map(({ name }) => name)).toEqual([error.name]);
  }
});

describe("a class of the application's own", () => {
  class BillingError extends TokenRequestError {}
  class OwnBase extends HubSpotOAuthError {
    readonly code = "own";
  }

  it("is told from the class it extends", () => {
    const own = new BillingError("m", { status: 400, retryable: false });
    expect(own).toBeInstanceOf(BillingError);
    expect(own).toBeInstanceOf(TokenRequestError);
    expect(own).toBeInstanceOf(HubSpotOAuthError);
    expect(new TokenRequestError("m", { status: 400, retryable: false })).not.toBeInstanceOf(BillingError);
    expect(new ConfigurationError("m")).not.toBeInstanceOf(BillingError);
  });

  it("may extend the base", () => {
    expect(new OwnBase("m")).toBeInstanceOf(HubSpotOAuthError);
    expect(new OwnBase("m")).not.toBeInstanceOf(TokenRequestError);
    expect(new TokenStoreError("m", { operation: "get" })).not.toBeInstanceOf(OwnBase);
  });
});

test.each([undefined, null, 0, "TokenRequestError", {}, { code: "network" }, { name: "NetworkError" }, new Error("x"), new TypeError("x")])(
  "%s is none of this library's errors",
  (value) => {
    expect(value instanceof HubSpotOAuthError).toBe(false);
    expect(value instanceof NetworkError).toBe(false);
    expect(isHubSpotOAuthError(value)).toBe(false);
  },
);

describe("what HubSpot or a schema quoted can be read, and is not printed", () => {
  const { hubspot_api: api, malformed_response: malformed } = oneOfEach(library);

  it("in JSON, or by a spread", () => {
    expect(api).toMatchObject({ errors: [{ message: "quotes a CANARY" }] });
    expect(malformed).toMatchObject({ issues: ["quotes a CANARY"] });
    for (const error of [api, malformed]) expect(JSON.stringify([error, Object.assign({}, error)])).not.toContain("CANARY");
  });

  it("by console.log, for a schema's issues", () => {
    expect(inspect(malformed, { depth: Infinity })).not.toContain("CANARY");
  });

  // Node prints an array called `errors` of any error, enumerable or not.
  it("by console.log, for HubSpot's errors", () => {
    expect(inspect(api, { depth: Infinity })).not.toContain("CANARY");
    expect(inspect(api, { depth: Infinity, showHidden: true })).not.toContain("CANARY");
  });
});

test("JSON of an error says its code and details, for logs", () => {
  expect(JSON.parse(JSON.stringify(oneOfEach(library)["missing_scopes"]))).toEqual({
    code: "missing_scopes",
    retryable: false,
    accountId: "1",
    scopes: ["a"],
    anyOf: true,
  });
});

test.each(["a\nb", 'quote"', "x".repeat(255), "\u202eevil", "\u001b[31m"])("an account id cannot break the line of a message: %j", (id) => {
  for (const error of [new AccountNotConnectedError(id), new ReauthorizationRequiredError(id, "r")]) {
    expect(error.accountId).toBe(id);
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
    expect(error.message.length).toBeLessThan(220);
  }
});

test("a switch over the code narrows to the class", () => {
  const describeError = (error: library.AnyHubSpotOAuthError): string => {
    switch (error.code) {
      case "missing_scopes":
        return error.scopes.join(" ");
      case "rate_limited":
        return String(error.policyName);
      case "network":
        return error.phase;
      default:
        return error.message;
    }
  };
  const errors = oneOfEach(library);
  expect(["missing_scopes", "rate_limited", "network"].map((code) => errors[code]).map((error) => error && describeError(error))).toEqual([
    "a",
    "DAILY",
    "connect",
  ]);
});
