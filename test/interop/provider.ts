/**
 * `oidc-provider`, a certified OAuth server that nobody here wrote, on HubSpot's paths and with HubSpot's fields. The protocol is all the
 * provider's: codes, redirect URIs, PKCE, rotation, revocation. Added are the paths, the missing `response_type`, the fields of the token
 * response, a login and a consent page, one API route, and a log.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Context, Provider } from "oidc-provider";
import { answerContacts } from "./contacts-route.js";
import { answerInteraction } from "./interaction-pages.js";
import { ProviderStorage } from "./provider-storage.js";

/** An OAuth app that the server knows. */
export interface App {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** What a server is started with. */
export interface ProviderOptions {
  /** `strict`: a refresh token works once, and using it again revokes the grant. @default "none" */
  readonly rotation?: "none" | "strict";
  /** @default [REDIRECT_URI] */
  readonly redirectUris?: readonly string[];
  /** Refuses authorization requests without a challenge. @default false */
  readonly pkceRequired?: boolean;
  /** Whether `/oauth/v1/token` still answers. @default true */
  readonly v1?: boolean;
  /** Which of HubSpot's fields a token response has: all, all but the user as seen live, or RFC 6749's alone. @default "all" */
  readonly fields?: "all" | "no user" | "none";
  /** @default 1800 */
  readonly accessTokenSeconds?: number;
}

/** A request as it arrived. */
export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  body: string;
  /** 0 until it was answered. */
  status: number;
}

export const REDIRECT_URI = "https://app.example.com/oauth/callback";
export const APP: App = { clientId: "0a1b2c3d-interop", clientSecret: "s3cret+/&=%~'()*!" };
export const OTHER_APP: App = { clientId: "9f8e7d6c-other", clientSecret: "the-other-apps-secret" };
const TOKEN_PATH = "/oauth/2026-09/token";
const SCOPES = ["oauth", "crm.objects.contacts.read", "crm.objects.deals.read"];
const YEAR = 31_536_000;

let imported: Promise<typeof Provider> | undefined;

/** Imports the provider without its notice about Node versions before 22; it works on 20, and everything else it says is shown. */
async function importProvider(): Promise<typeof Provider> {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes("Unsupported runtime. Use Node.js v22")) warn(...args);
  };
  try {
    return (await import("oidc-provider")).Provider;
  } finally {
    console.warn = warn;
  }
}

/** A running server. */
export class InteropServer {
  readonly requests: LoggedRequest[] = [];
  /** Faults of the server itself: always empty, or the test proves nothing. */
  readonly faults: Error[] = [];
  origin = "";
  readonly #options: ProviderOptions;
  readonly #storage = new ProviderStorage();
  readonly #holds: { readonly arrive: () => void; readonly opened: Promise<void> }[] = [];
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch((error: unknown) => {
      this.faults.push(error as Error);
      response.destroy();
    });
  });
  #provider: Provider | undefined;
  #passedMs = 0;

  private constructor(options: ProviderOptions) {
    this.#options = options;
  }

  static async start(options: ProviderOptions = {}): Promise<InteropServer> {
    const server = new InteropServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.origin = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    await server.#createProvider();
    return server;
  }

  /** The clock of the server and of its clients. */
  now(): number {
    return Date.now() + this.#passedMs;
  }

  /** Lets time pass for everybody: everything the provider has stored gets older, by its own reckoning. */
  advance(ms: number): void {
    this.#passedMs += ms;
    this.#storage.age(Math.ceil(ms / 1_000));
  }

  /** Ends the life of all access tokens, while the clients' clocks stand still. */
  expireAccessTokens(): void {
    this.#storage.age(YEAR, "AccessToken");
  }

  /** The forms posted to the token endpoint, of one grant type or all. */
  tokenForms(grantType?: "authorization_code" | "refresh_token"): URLSearchParams[] {
    const posts = this.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/token"));
    const forms = posts.map(({ body }) => new URLSearchParams(body));
    return forms.filter((form) => grantType === undefined || form.get("grant_type") === grantType);
  }

  /** Keeps the next token request waiting at the door. */
  holdNextTokenRequest(): { readonly arrived: Promise<void>; readonly release: () => void } {
    let [arrive, release] = [(): void => undefined, (): void => undefined];
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const opened = new Promise<void>((resolve) => (release = resolve));
    this.#holds.push({ arrive, opened });
    return { arrived, release };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #createProvider(): Promise<void> {
    const { rotation, redirectUris = [REDIRECT_URI], pkceRequired = false, accessTokenSeconds = 1_800 } = this.#options;
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
    const ownTokens = (_context: Context, client: App, token: App): boolean => client.clientId === token.clientId;
    const Class = await (imported ??= importProvider());
    this.#provider = new Class(this.origin, {
      adapter: this.#storage.adapter,
      clients: [APP, OTHER_APP].map(({ clientId, clientSecret }) => ({
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        redirect_uris: [...redirectUris],
        token_endpoint_auth_method: "client_secret_post",
        id_token_signed_response_alg: "ES256",
      })),
      clientAuthMethods: ["client_secret_post"],
      clockTolerance: 0,
      cookies: { keys: [randomBytes(16).toString("hex")] },
      features: {
        devInteractions: { enabled: false },
        introspection: { enabled: true, allowedPolicy: ownTokens },
        revocation: { enabled: true, allowedPolicy: ownTokens },
      },
      findAccount: (_context: Context, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
      interactions: { url: (_context: Context, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
      issueRefreshToken: () => true,
      jwks: { keys: [key] },
      pkce: { required: () => pkceRequired },
      renderError(context: Context, out: unknown) {
        context.type = "json";
        context.body = out;
      },
      responseTypes: ["code"],
      rotateRefreshToken: rotation === "strict",
      routes: {
        authorization: "/oauth/authorize",
        token: TOKEN_PATH,
        introspection: `${TOKEN_PATH}/introspect`,
        revocation: `${TOKEN_PATH}/revoke`,
      },
      scopes: SCOPES,
      ttl: {
        AccessToken: accessTokenSeconds,
        AuthorizationCode: 60,
        Grant: YEAR,
        IdToken: 3_600,
        Interaction: 3_600,
        RefreshToken: YEAR,
        Session: YEAR,
      },
    });
    this.#provider.on("server_error", (_context, error) => this.faults.push(error));
    this.#provider.use(async (context, next) => {
      await next();
      this.#addHubSpotFields(context);
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const entry: LoggedRequest = { method, path, headers, body: "", status: 0 };
    this.requests.push(entry);
    // Overheard on its way in: whoever read the body here would take it from the provider.
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, encoding) => {
      entry.body += chunk?.toString("latin1") ?? "";
      return push(chunk, encoding);
    };
    response.on("finish", () => (entry.status = response.statusCode));
    response.setHeader("date", new Date(this.now()).toUTCString());

    const provider = this.#provider as Provider;
    if (path.startsWith("/interaction/")) return answerInteraction(provider, request, response);
    if (path.split("?")[0] === "/crm/v3/objects/contacts") {
      const { status, body } = await answerContacts(provider, headers.authorization);
      response.writeHead(status, { "content-type": "application/json;charset=utf-8" }).end(JSON.stringify(body));
      return;
    }
    if (path.endsWith("/token")) {
      const hold = this.#holds.shift();
      hold?.arrive();
      await hold?.opened;
    }
    if (path === "/oauth/v1/token" && this.#options.v1 !== false) request.url = TOKEN_PATH;
    // HubSpot takes the account as a path segment, and knows no other response type than code.
    request.url = request.url?.replace(/^\/oauth(?:\/\d+)?\/authorize\?/, "/oauth/authorize?response_type=code&");
    await provider.callback()(request, response);
  }

  #addHubSpotFields(context: Context): void {
    const token = context.oidc?.entities.AccessToken ?? context.oidc?.entities.RefreshToken;
    const isIntrospection = context.path === `${TOKEN_PATH}/introspect`;
    if (context.status !== 200 || token === undefined || !(isIntrospection || context.path === TOKEN_PATH)) return;
    const { scope, ...body } = context.body as Record<string, unknown>;
    const [hubId, userId] = token.accountId.split("-").map(Number);
    const use = token === context.oidc?.entities.AccessToken ? "access_token" : "refresh_token";
    const shown = isIntrospection ? "all" : (this.#options.fields ?? "all");
    const account = { hub_id: hubId, scopes: String(scope).split(" "), token_use: use };
    context.body = { ...body, ...(shown === "none" ? { scope } : account), ...(shown === "all" && { user_id: userId }) };
  }
}
