/**
 * Puts a credential under HubSpot's own SDK, `@hubspot/api-client` 13 or 14. Imports nothing of it, types included, so that whoever does
 * not use it need not install it. The SDK copies the token into each API object when it makes one; so every token gets objects of its own,
 * made of the client's class and options, and the client that was passed in is only read.
 */
import { type Authorization, authorizationAfter, type Credential } from "../credentials.js";
import { createEmit, type Emit } from "../events.js";
import { checkMethods } from "../option-checks.js";
import { API_ORIGIN } from "../oauth/endpoints.js";
import { isRepeatable, refusalOfError, refusalOfValue, type SdkRefusal } from "./sdk-refusal.js";

/** What is asked of a `Client` of `@hubspot/api-client`. */
export interface HubSpotSdkClient {
  readonly config: object;
  setAccessToken(token: string): void;
  apiRequest(options?: object): Promise<unknown>;
}

/**
 * A stand-in for a client of `@hubspot/api-client` 13 or 14, of the same type. Each typed call, on API objects held for days too, and each
 * `apiRequest` carries the credential's token of that moment. What follows a 401 or a 403 is as with `HubSpotHttp`: at most one refresh
 * and one more try.
 *
 * ```ts
 * const sdk = new Client({ numberOfApiCallRetries: 3 });                       // one, when the process starts
 * const hubspot = connectHubSpotClient(sdk, oauth.account(accountId));         // one per account; cheap
 * const page = await hubspot.crm.contacts.basicApi.getPage(10);
 * ```
 *
 * - **The SDK's limiter and retries belong to the process, not to a client**: those of the `Client` constructed last hold for every API
 *   object made from then on, and for every `apiRequest`. So construct one client, and connect it for each account; connecting and new
 *   tokens change nothing of it. A limiter then counts all accounts together, though HubSpot's limits are per account.
 * - The client is read once, here, and neither changed nor used: it may be connected for any number of accounts, and keeps its own token.
 *   Of an object of a subclass, only the class and `config` count.
 * - The stand-in refuses `setAccessToken`, and an `Authorization` header of one's own. `apiRequest` sends the token to the origin of
 *   `basePath` only, which is by default the one of the credential's client; `authType: "none"` sends none.
 * - A call with a stream, or a form of the package `form-data`, is not sent twice: it ends with its 401, and the next call has a new token.
 *   `getAll` counts as one call per page.
 * - Requests go by the SDK's own HTTP, which has no timeout: `dispatcher`, `fetch` and the limits of the credential's client do not apply.
 * - Errors of the SDK quote the whole answer in their message, cookies included. The token is in the request and so not among it.
 *
 * @param client a client, or a function that makes one. Making one does no I/O; the function is for not having a second, bare one around.
 * @param credential `oauth.account(id)`, `privateAppToken(token)`, or any other that puts a Bearer token into the header.
 * @throws TypeError for something else than a client, and for a developer API key, which the SDK takes itself: `new Client({ developerApiKey })`.
 */
export function connectHubSpotClient<Client extends HubSpotSdkClient>(client: Client | (() => Client), credential: Credential): Client {
  checkMethods(credential, ["authorize"], "credential");
  if (credential.id.startsWith("developer-api-key:")) throw new TypeError(BEARER_ONLY);
  const given: Partial<HubSpotSdkClient> | undefined = typeof client === "function" ? client() : client;
  if (!isObject(given?.config)) throw new TypeError("client must be a Client of @hubspot/api-client, or a function that makes one.");
  // Only its class is taken over: methods of the object itself would be lost.
  const methods: unknown = Object.getPrototypeOf(given);
  checkMethods(methods, ["setAccessToken", "apiRequest", "init"], "client, a Client of @hubspot/api-client,");
  return new Connection(methods as SdkClass, given.config, credential).standIn as object as Client;
}

/** The prototype of a `Client`. */
interface SdkClass {
  apiRequest(options?: ApiRequest): Promise<unknown>;
  init(): void;
}

/** A client made of its class and options alone. Its constructor is not run: it would replace the process's limiter. */
interface BareClient extends SdkClass {
  readonly config: SdkConfig;
}

/** The part of the SDK's options that is looked at. */
interface SdkConfig {
  readonly accessToken?: string | undefined;
  readonly basePath?: string | undefined;
  readonly defaultHeaders?: Readonly<Record<string, string>> | undefined;
}

/** The part of an `apiRequest` that decides where the token goes. */
interface ApiRequest {
  readonly authType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly overlapUrl?: string | undefined;
  readonly path?: string | undefined;
}

const BEARER_ONLY =
  "credential must put a Bearer token into the Authorization header, and nothing else. A developer API key is an option of the SDK: new Client({ developerApiKey }).";

/** One client and one credential. */
class Connection {
  readonly standIn: BareClient;
  readonly #class: SdkClass;
  readonly #credential: Credential;
  readonly #emit: Emit;
  readonly #connected = new WeakSet<object>();
  /** The client of the last token: its API objects are made once per token. */
  #sender: { readonly authorization: Authorization; readonly token: string; readonly client: BareClient } | undefined;

  constructor(sdkClass: SdkClass, config: SdkConfig, credential: Credential) {
    refuseAuthorization(config.defaultHeaders, "defaultHeaders");
    this.#class = sdkClass;
    this.#credential = credential;
    this.#emit = createEmit(credential.runtime?.onEvent);
    // Without a token: what is looked at, printed or kept holds none. The headers are copied because the SDK writes into them.
    this.standIn = this.#bareClient({
      ...config,
      accessToken: undefined,
      basePath: config.basePath || credential.runtime?.apiOrigin,
      defaultHeaders: { ...config.defaultHeaders },
    });
    this.#connect(this.standIn, []);
    defineMethod(this.standIn, "apiRequest", (options: ApiRequest = {}) => this.#apiRequest(options));
    defineMethod(this.standIn, "setAccessToken", refuseToken);
    defineMethod(this.standIn, "init", () => this.#init());
  }

  #bareClient(config: SdkConfig): BareClient {
    return Object.assign(Object.create(this.#class) as SdkClass, { config });
  }

  /** Makes what an object of the SDK offers carry the token: the methods of an API object, else whatever hangs below. */
  #connect(node: object, path: readonly string[]): void {
    if (this.#connected.has(node)) return;
    this.#connected.add(node);
    // API objects keep their generated part under this name, in 13 and in 14, and nothing else does.
    const isApi = Object.hasOwn(node, "api");
    for (const [name, property] of membersOf(node)) {
      const connect = (child: unknown): unknown => {
        if (isObject(child) && name !== "config") this.#connect(child, [...path, name]);
        return child;
      };
      if (isApi) {
        if (typeof property.value === "function") defineMethod(node, name, (...args) => this.#call(path, name, args));
      } else if (property.get === undefined) {
        connect(property.value);
      } else {
        Object.defineProperty(node, name, { ...property, get: () => connect(property.get?.call(node)) });
      }
    }
  }

  /** The SDK calls this after a change of its options: new API objects for them. */
  #init(): void {
    this.#class.init.call(this.standIn);
    this.#sender = undefined;
  }

  async #apiRequest(options: ApiRequest): Promise<unknown> {
    const { authType, headers, overlapUrl, path = "" } = options;
    // The SDK's own key, or nothing: the stand-in has no token.
    if (authType && authType !== "accessToken") return this.#class.apiRequest.call(this.standIn, options);
    refuseAuthorization(headers, "headers");
    const base = this.standIn.config.basePath || API_ORIGIN;
    // Put together as the SDK does it, where a path without a slash becomes part of the host.
    const url = overlapUrl || base + path;
    if (URL.canParse(url) && new URL(url).origin !== new URL(base).origin) {
      throw new TypeError(`apiRequest would send the token to another origin than ${new URL(base).origin}. Set authType: "none" for that.`);
    }
    return this.#call([], "apiRequest", [options]);
  }

  /** One call: with the token of now, and again with another if HubSpot refuses that one. */
  async #call(path: readonly string[], method: string, args: readonly unknown[]): Promise<unknown> {
    const authorization = await this.#credential.authorize();
    let outcome: () => unknown;
    let refusal: SdkRefusal | undefined;
    try {
      const value = await this.#send(authorization, path, method, args);
      refusal = await refusalOfValue(value);
      outcome = () => value;
    } catch (error) {
      refusal = refusalOfError(error);
      outcome = () => {
        throw error;
      };
    }
    const next = refusal && (await authorizationAfter(refusal, this.#credential, { rejected: authorization }));
    if (refusal === undefined || next === undefined || next === authorization || !isRepeatable(args)) return outcome();
    this.#emit("request.retried", { credentialId: this.#credential.id, status: refusal.status, reason: "another token", waitMs: 0 });
    return this.#send(next, path, method, args);
  }

  #send(authorization: Authorization, path: readonly string[], method: string, args: readonly unknown[]): unknown {
    let owner: object = this.#clientFor(authorization);
    for (const name of path) owner = Reflect.get(owner, name) as object;
    return Reflect.apply(Reflect.get(owner, method) as (...args: unknown[]) => unknown, owner, args);
  }

  /** A client with this token, and no other for as long as it lives: no call can pick up the token of a call beside it. */
  #clientFor(authorization: Authorization): BareClient {
    if (this.#sender?.authorization !== authorization) {
      const token = bearerToken(authorization);
      const client = this.#sender?.token === token ? this.#sender.client : this.#bareClient({ ...this.standIn.config, accessToken: token });
      this.#sender = { authorization, token, client };
    }
    return this.#sender.client;
  }
}

/** An object's properties and those of its classes, by name; the nearest counts. What every object has is none, whichever realm it is of. */
function membersOf(node: object): Map<string, PropertyDescriptor> {
  const above: unknown = Object.getPrototypeOf(node);
  if (!isObject(above)) return new Map();
  const { constructor: _, ...own } = Object.getOwnPropertyDescriptors(node);
  return new Map([...membersOf(above), ...Object.entries(own)]);
}

/** As a method of a class would be: not listed, and tests can replace it. */
function defineMethod(node: object, name: string, value: (...args: never[]) => unknown): void {
  Object.defineProperty(node, name, { value, writable: true, configurable: true, enumerable: false });
}

function bearerToken({ headers = {}, query = {} }: Authorization): string {
  const [header, ...more] = [...Object.entries(headers), ...Object.entries(query)];
  const token = header?.[0].toLowerCase() === "authorization" ? /^Bearer +(\S+)$/i.exec(header[1])?.[1] : undefined;
  if (token === undefined || more.length > 0) throw new TypeError(BEARER_ONLY);
  return token;
}

/** 14 would send such a header instead of the token, and 13 sometimes beside it. */
function refuseAuthorization(headers: Readonly<Record<string, string>> | undefined, name: string): void {
  if (Object.keys(headers ?? {}).some((header) => header.toLowerCase() === "authorization")) {
    throw new TypeError(`${name} must not have an Authorization header: the credential sets it.`);
  }
}

function refuseToken(): never {
  throw new TypeError("The token of this client comes from its credential. Connect another account with connectHubSpotClient().");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
