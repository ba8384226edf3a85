/** What comes back from the authorize page: a denial, nothing at all, a code for exactly the redirect URI that was sent. */
import { describe, expect, test } from "vitest";
import { AuthorizationDeniedError, StateMismatchError } from "../../src/index.js";
import { Browser, DeadEnd } from "./browser.js";
import { callbackOf, clientOf, connect, contactsOf, cookieOf, idsIn, serve } from "./setup.js";

const mismatch =
  (reason: StateMismatchError["reason"]) =>
  (error: unknown): boolean =>
    error instanceof StateMismatchError && error.reason === reason;

describe("a denial", () => {
  test.each(["deny at login", "deny at consent"] as const)("%s is an AuthorizationDeniedError that knows the flow", async (answer) => {
    const server = await serve();
    const { oauth, events, store } = clientOf(server);
    const { url, cookie } = await callbackOf(oauth, { answer });
    const error: unknown = await oauth.completeAuthorization({ url, cookie }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthorizationDeniedError);
    expect(error).toMatchObject({
      error: "access_denied",
      errorDescription: answer.replace("deny", "No"),
      context: { tenant: "t-42" },
      returnTo: "/settings",
      clearCookie: expect.stringContaining("Max-Age=0") as string,
    });
    expect(events.at(-1)).toEqual({ type: "authorization.denied", error: "access_denied" });
    expect(server.tokenForms()).toHaveLength(0);
    expect(await idsIn(store)).toEqual([]);
  });

  test("ST-05 uses up its state", async () => {
    const { oauth } = clientOf(await serve());
    const callback = await callbackOf(oauth, { answer: "deny at consent" });
    await expect(oauth.completeAuthorization(callback)).rejects.toThrow(AuthorizationDeniedError);
    await expect(oauth.completeAuthorization(callback)).rejects.toSatisfy(mismatch("used"));
  });

  test("with the state of another browser is not believed", async () => {
    const { oauth } = clientOf(await serve());
    const denied = await callbackOf(oauth, { answer: "deny at consent" });
    const { cookie } = await oauth.createAuthorization();
    await expect(oauth.completeAuthorization({ ...denied, cookie: cookieOf(cookie) })).rejects.toSatisfy(mismatch("unbound"));
  });

  test("does not keep the same user from connecting afterwards", async () => {
    const server = await serve();
    const { oauth } = clientOf(server);
    const denied = await callbackOf(oauth, { answer: "deny at consent" });
    await expect(oauth.completeAuthorization(denied)).rejects.toThrow(AuthorizationDeniedError);
    await expect(contactsOf(oauth, await connect(oauth))).resolves.toBeDefined();
  });
});

describe("a request that the server does not answer with a redirect", () => {
  test.each([
    ["a redirect URI that is not registered", { redirectUri: "https://app.example.com/oauth/callback2" }, "invalid_redirect_uri"],
    ["a registered redirect URI with a slash more", { redirectUri: "https://app.example.com/oauth/callback/" }, "invalid_redirect_uri"],
    ["an unknown client id", { clientId: "nobody" }, "invalid_client"],
  ])("%s ends at the server's page, and no code is issued", async (_, options, error) => {
    const server = await serve();
    const { oauth } = clientOf(server, options);
    const { url } = await oauth.createAuthorization();
    const end: unknown = await new Browser().visit(url).catch((reason: unknown) => reason);
    expect(end).toBeInstanceOf(DeadEnd);
    expect(end).toMatchObject({ status: 400, message: expect.stringContaining(error) as string });
    expect(server.requests).toHaveLength(1);
  });
});

/** Legal, and each of them changed by a parser that writes a URL back. */
const WEIRD = [
  "https://app.example.com",
  "https://APP.Example.com/oauth/callback",
  "https://app.example.com:443/oauth/callback",
  "https://app.example.com/oauth/./callback",
  "https://app.example.com/oauth/x/../callback",
  "https://app.example.com/oauth/call back?x=a b",
  "https://app.example.com/r\u00fcckruf?n=\u00e9",
  "http://LOCALHOST:3000/cb",
];
/** Legal, and unchanged by such a parser, but not by one that decodes or encodes the query. */
const ODD = [
  "https://app.example.com/oauth/callback/",
  "https://app.example.com/oauth/callback?",
  "https://app.example.com/oauth//callback",
  "https://app.example.com/oauth/callback?x=a%20b",
  "https://app.example.com/oauth/callback?x=a+b",
  "https://app.example.com/oauth/callback?x=%7Ea&y=~a",
  "https://app.example.com/oauth/callback?x=%c3%a9",
  "https://app.example.com/oauth/callback?b=2&a=1&b=2&empty=",
  "https://app.example.com/oauth/callback;v=1?to=https%3A%2F%2Fother.example%2F%3Fa%3D1%26b%3D2",
];

describe("A-04 redirect URIs", () => {
  test.each([...WEIRD, ...ODD])("%s is sent byte for byte, to the authorize page and at the exchange", async (redirectUri) => {
    const server = await serve({ redirectUris: [redirectUri] });
    const { oauth } = clientOf(server, { redirectUri });
    await connect(oauth);
    expect(server.tokenForms("authorization_code")[0]?.get("redirect_uri")).toBe(redirectUri);
  });

  test.each(WEIRD)("%s in the form that URL gives it is another one to the server", async (redirectUri) => {
    const rewritten = new URL(redirectUri).href;
    expect(rewritten).not.toBe(redirectUri);
    const server = await serve({ redirectUris: [redirectUri] });
    const { oauth } = clientOf(server, { redirectUri: rewritten });
    await expect(callbackOf(oauth)).rejects.toThrow(/invalid_redirect_uri/);
  });

  test("the exchange sends the redirect URI that the flow began with, whatever is configured by then", async () => {
    const [old, current] = ["https://app.example.com/old", "https://app.example.com/new"];
    const server = await serve({ redirectUris: [old, current] });
    const callback = await callbackOf(clientOf(server, { redirectUri: old }).oauth);
    const { oauth } = clientOf(server, { redirectUri: current });
    await expect(oauth.completeAuthorization(callback)).resolves.toMatchObject({ accountId: "51234567" });
    expect(server.tokenForms("authorization_code")[0]?.get("redirect_uri")).toBe(old);
  });
});

describe("a callback", () => {
  test("ST-03 in another browser than the one that began exchanges nothing", async () => {
    const server = await serve();
    const { oauth } = clientOf(server);
    const { url } = await callbackOf(oauth);
    const other = await oauth.createAuthorization();
    await expect(oauth.completeAuthorization({ url, cookie: cookieOf(other.cookie) })).rejects.toSatisfy(mismatch("unbound"));
    await expect(oauth.completeAuthorization({ url, cookie: undefined })).rejects.toSatisfy(mismatch("unbound"));
    expect(server.tokenForms()).toHaveLength(0);
  });

  test.each(["code", "state", "iss"])("CB-01 that repeats the server's %s exchanges nothing", async (name) => {
    const server = await serve();
    const { oauth } = clientOf(server);
    const { url, cookie } = await callbackOf(oauth);
    const repeated = `${url}&${name}=${encodeURIComponent(new URL(url).searchParams.get(name) ?? "")}`;
    await expect(oauth.completeAuthorization({ url: repeated, cookie })).rejects.toSatisfy(mismatch("malformed"));
    expect(server.tokenForms()).toHaveLength(0);
  });

  test("PK-05 without PKCE is an error in the callback where the server insists on a challenge, and a code where one is sent", async () => {
    const server = await serve({ pkceRequired: true });
    const without = clientOf(server, { pkce: false }).oauth;
    await expect(without.completeAuthorization(await callbackOf(without))).rejects.toMatchObject({
      code: "authorization_denied",
      error: "invalid_request",
    });
    expect(server.tokenForms()).toHaveLength(0);
    await expect(connect(clientOf(server).oauth)).resolves.toBe("51234567");
  });
});
