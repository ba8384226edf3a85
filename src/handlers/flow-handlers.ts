/**
 * Connect, callback and disconnect, without a framework: one request in, one `Response` out, never a rejection. The adapters carry both.
 * What makes a flow safe is the client's; here is what it needs from a web application: the session, the browser's intent, the answer.
 */
import type { CompletedAuthorization } from "../client.js";
import { AuthorizationDeniedError, type FlowDetails, StateMismatchError } from "../errors.js";
import {
  CONNECTED_BUT,
  DISCONNECTED_BUT,
  disconnectErrorText,
  errorText,
  type FailureText,
  type Refusal,
  refusalText,
} from "./failures.js";
import {
  type ClientSource,
  type HandlerAnswer,
  type HandlerFailure,
  type HandlerOptions,
  type HandlersClient,
  type HandlerSession,
  isPath,
  type ResolvedHandlerOptions,
  resolveHandlerOptions,
} from "./handler-options.js";
import { adopt, bare, json, page, type PageLink, redirect, wantsJson } from "./pages.js";
import { type HeaderReader, isCrossSite, isPrefetch } from "./same-origin.js";

/** A request as every framework has it. */
export interface HandlerMessage<FrameworkRequest> {
  /** The framework's own, for the application's functions. */
  readonly request: FrameworkRequest;
  readonly method: string;
  /** Absolute or relative: only path and query are read. */
  readonly url: string;
  readonly header: HeaderReader;
}

type Step = HandlerFailure["step"];

/** What a link to connect or disconnect asks for. */
interface Wish {
  readonly accountId?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly returnTo?: string | undefined;
}

/** Marks a browser that was sent on from the marketplace, so that it happens once. */
const RESTARTED = "hubspot-oauth-restarted";
const RESTARTED_COOKIE = `${RESTARTED}=1; Path=/; Max-Age=600; HttpOnly; SameSite=Lax`;
const RESTARTED_GONE = `${RESTARTED}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`;

/** The handlers of one client. */
export class FlowHandlers<FrameworkRequest, Context = unknown> {
  readonly #source: ClientSource<Context>;
  readonly #options: ResolvedHandlerOptions<FrameworkRequest, Context>;

  /** @throws TypeError that names the wrong option. */
  constructor(source: ClientSource<Context>, options: HandlerOptions<FrameworkRequest, Context>) {
    this.#source = source;
    this.#options = resolveHandlerOptions(options);
  }

  /** Sends the person to HubSpot. A page of another site can only lead to a page that asks first. */
  connect(message: HandlerMessage<FrameworkRequest>): Promise<Response> {
    return this.#answer("connect", ["GET", "POST"], message, async () => {
      const wish = this.#wish(message);
      if (isCrossSite(message.header, { sameSite: true })) return this.#ask(message, wish, "Do you want to connect HubSpot?");
      const session = await this.#session(message);
      if (session === undefined) return this.#refuse("not_signed_in", "connect", message, wish);
      const { accountId, scopes } = wish;
      if (accountId !== undefined && !isAllowed(session, accountId)) return this.#refuse("account_not_allowed", "connect", message, wish);
      if (scopes?.some((scope) => !this.#options.extraScopes.includes(scope)) === true)
        return this.#refuse("scope_not_allowed", "connect", message, wish);
      return this.#begin(message, session, wish);
    });
  }

  /** Takes the person back from HubSpot. */
  callback(message: HandlerMessage<FrameworkRequest>): Promise<Response> {
    return this.#answer("callback", ["GET"], message, async () => {
      const session = await this.#session(message);
      const client = await this.#client();
      const proof = session?.binding === undefined ? { cookie: message.header("cookie") } : { binding: session.binding };
      let result: CompletedAuthorization<Context>;
      try {
        result = await client.completeAuthorization({ url: message.url, ...proof });
      } catch (error) {
        if (error instanceof StateMismatchError && error.reason === "missing" && queryOf(message.url).has("code"))
          return this.#install(message, session, error);
        return this.#flowFailed(error, message);
      }
      const cookies = [result.clearCookie, isRestarted(message) ? RESTARTED_GONE : undefined];
      try {
        const answer = await this.#options.onConnected(result, message.request);
        return this.#give(answer, cookies) ?? redirect(result.returnTo ?? this.#options.returnTo, cookies);
      } catch (error) {
        return this.#fail(CONNECTED_BUT, error, "callback", message, { returnTo: result.returnTo }, cookies);
      }
    });
  }

  /** Disconnects the account that the query names: by POST, from this origin, for who may. */
  disconnect(message: HandlerMessage<FrameworkRequest>): Promise<Response> {
    return this.#answer("disconnect", ["POST"], message, async () => {
      const wish = this.#wish(message);
      const { accountId } = wish;
      if (isCrossSite(message.header, { sameSite: false })) return this.#refuse("cross_site", "disconnect", message, wish);
      const session = await this.#session(message);
      if (session === undefined) return this.#refuse("not_signed_in", "disconnect", message, wish);
      if (accountId === undefined || !isAllowed(session, accountId))
        return this.#refuse("account_not_allowed", "disconnect", message, wish);
      const client = await this.#client();
      const before = await this.#beforeDisconnect(accountId, message);
      const disconnected = await client.disconnect(accountId, this.#options.disconnect);
      const done = { ...disconnected, accountId, errors: [...before, ...disconnected.errors] };
      try {
        const answer = this.#give(await this.#options.onDisconnected?.(done, message.request), []);
        if (answer !== undefined) return answer;
      } catch (error) {
        return this.#fail(DISCONNECTED_BUT, error, "disconnect", message, wish, []);
      }
      const { revoked, uninstalled } = done;
      const complete = done.errors.length === 0;
      const returnTo = wish.returnTo ?? this.#options.returnTo;
      if (wantsJson(message.header)) return json(200, { disconnected: true, revoked, uninstalled, complete });
      if (complete) return redirect(returnTo);
      return page(message.header, {
        status: 200,
        title: "Disconnected here, but not at HubSpot",
        text: "This app has deleted its access. HubSpot could not be told: to end it there too, remove the app under Connected Apps in HubSpot's settings.",
        links: [{ label: "Back", path: returnTo }],
        json: {},
      });
    });
  }

  /** The application's last words to HubSpot. They may fail: a dead grant must not keep an account connected here for ever. */
  async #beforeDisconnect(accountId: string, message: HandlerMessage<FrameworkRequest>): Promise<readonly Error[]> {
    try {
      await this.#options.beforeDisconnect?.(accountId, message.request);
      return [];
    } catch (error) {
      return [error instanceof Error ? error : new Error("beforeDisconnect threw something that is no error", { cause: error })];
    }
  }

  /** Refuses what is nobody's click, and turns whatever is thrown into an answer. */
  async #answer(
    step: Step,
    methods: readonly string[],
    message: HandlerMessage<FrameworkRequest>,
    work: () => Promise<Response>,
  ): Promise<Response> {
    const { method, header } = message;
    // Link checkers and mail scanners ask by HEAD. A status that is no success keeps a browser from using what it read ahead.
    if (method === "HEAD" && methods.includes("GET")) return bare(204);
    if (!methods.includes(method))
      return bare(405, { allow: methods.includes("GET") ? ["HEAD", ...methods].join(", ") : methods.join(", ") });
    if (isPrefetch(header)) return bare(503);
    try {
      return await work();
    } catch (error) {
      return this.#fail(
        step === "disconnect" ? disconnectErrorText(error) : errorText(error),
        error,
        step,
        message,
        this.#wish(message),
        [],
      );
    }
  }

  async #begin(
    message: HandlerMessage<FrameworkRequest>,
    session: HandlerSession<Context>,
    wish: Wish,
    marker?: string,
  ): Promise<Response> {
    const { returnTo = this.#options.returnTo, accountId, scopes } = wish;
    const { binding, context } = session;
    const client = await this.#client();
    const { url, cookie } = await client.createAuthorization({ returnTo, accountId, scopes, binding, context });
    return wantsJson(message.header) ? json(200, { url }, [cookie, marker]) : redirect(url, [cookie, marker]);
  }

  /** HubSpot's marketplace sent somebody. Its code could be anybody's and is dropped; a flow of our own begins. */
  async #install(
    message: HandlerMessage<FrameworkRequest>,
    session: HandlerSession<Context> | undefined,
    error: StateMismatchError,
  ): Promise<Response> {
    const { marketplaceInstall } = this.#options;
    if (typeof marketplaceInstall === "function") {
      const answer = this.#give(await marketplaceInstall(message.request), []);
      if (answer !== undefined) return answer;
    }
    if (marketplaceInstall === "refuse") return this.#flowFailed(error, message);
    if (session === undefined) return this.#refuse("not_signed_in", "callback", message, {});
    // Once only, and only where it can be known that it was: a browser that sends cookies will send the mark, too. Else somebody has to click.
    if (isRestarted(message) || message.header("cookie") === undefined)
      return this.#ask(message, {}, "To finish the installation from HubSpot, connect your account here.");
    return this.#begin(message, session, {}, RESTARTED_COOKIE);
  }

  /** A page whose link begins a flow. It changes nothing by itself. */
  #ask(message: HandlerMessage<FrameworkRequest>, wish: Wish, text: string): Response {
    const path = this.#connectLink(wish);
    const links = [
      { label: "Connect HubSpot", path },
      { label: "Back", path: wish.returnTo ?? this.#options.returnTo },
    ];
    return page(message.header, { status: 200, title: "Connect HubSpot", text, links, json: { retry: path } });
  }

  async #flowFailed(error: unknown, message: HandlerMessage<FrameworkRequest>): Promise<Response> {
    const { returnTo, clearCookie, reconnectAccountId: accountId } = error as FlowDetails;
    const cookies = [clearCookie];
    let failure = error;
    if (error instanceof AuthorizationDeniedError && this.#options.onDenied !== undefined) {
      try {
        const answer = this.#give(await this.#options.onDenied(error, message.request), cookies);
        if (answer !== undefined) return answer;
      } catch (own) {
        failure = own;
      }
    }
    return this.#fail(errorText(failure), failure, "callback", message, { returnTo, accountId }, cookies);
  }

  #refuse(code: Refusal, step: Step, message: HandlerMessage<FrameworkRequest>, wish: Wish): Promise<Response> {
    return this.#fail(refusalText(code), undefined, step, message, wish, []);
  }

  async #fail(
    text: FailureText,
    error: unknown,
    step: Step,
    message: HandlerMessage<FrameworkRequest>,
    wish: Wish,
    cookies: readonly (string | undefined)[],
  ): Promise<Response> {
    const { code, status, title, retryAfterSeconds } = text;
    const returnTo = wish.returnTo ?? this.#options.returnTo;
    const retryPath = text.retry ? this.#connectLink(wish) : undefined;
    try {
      const { onError } = this.#options;
      if (onError === undefined && status >= 500) warn(error);
      const answer = await onError?.({ step, code, status, title, text: text.text, error, retryPath, returnTo }, message.request);
      const given = this.#give(answer, cookies);
      if (given !== undefined) return given;
    } catch (own) {
      warn(own);
    }
    const links: PageLink[] = [];
    if (retryPath !== undefined) links.push({ label: "Try again", path: retryPath });
    if (retryPath !== undefined && status === 409 && wish.accountId !== undefined)
      links.push({ label: "Connect another account", path: this.#connectLink({ returnTo: wish.returnTo }) });
    links.push({ label: "Back", path: returnTo });
    const headers = retryAfterSeconds === undefined ? undefined : { "retry-after": String(retryAfterSeconds) };
    return page(message.header, { status, title, text: text.text, links, json: { error: code, retry: retryPath }, headers }, cookies);
  }

  /** @throws TypeError when the application's answer is neither a path of its own nor a response. */
  #give(answer: HandlerAnswer, cookies: readonly (string | undefined)[]): Response | undefined {
    if (answer === undefined || answer === null) return undefined;
    if (typeof answer === "object") return adopt(answer, cookies);
    if (isPath(answer)) return redirect(answer, cookies);
    throw new TypeError('The handler\'s answer must be a path on your own origin, such as "/settings", or a Response.');
  }

  async #session({ request }: HandlerMessage<FrameworkRequest>): Promise<HandlerSession<Context> | undefined> {
    const session: unknown = await this.#options.session(request);
    // `user && { ... }` of plain JavaScript is false, "" or 0 when nobody is there.
    return session ? session : undefined;
  }

  async #client(): Promise<HandlersClient<Context>> {
    return typeof this.#source === "function" ? this.#source() : this.#source;
  }

  #wish({ url }: HandlerMessage<FrameworkRequest>): Wish {
    const query = queryOf(url);
    const returnTo = single(query, "return_to");
    return {
      accountId: single(query, "account"),
      scopes: [...new Set(single(query, "scope")?.split(" ").filter(Boolean))],
      // Never back to connect itself: that would go round and round.
      returnTo: isPath(returnTo) && returnTo.split(/[?#]/, 1)[0] !== this.#options.connectPath ? returnTo : undefined,
    };
  }

  #connectLink({ accountId, scopes = [], returnTo }: Wish): string {
    const query = [
      ["account", accountId],
      ["scope", scopes.join(" ")],
      ["return_to", returnTo === this.#options.returnTo ? undefined : returnTo],
    ].flatMap(([name, value]) => (value === undefined || value === "" ? [] : `${name}=${encodeURIComponent(value)}`));
    return [this.#options.connectPath, query.join("&")].filter(Boolean).join("?");
  }
}

function isAllowed(session: HandlerSession, accountId: string): boolean {
  const accountIds = session.accountIds ?? [];
  // A text has `includes`, too, and would allow each part of itself.
  if (!Array.isArray(accountIds)) throw new TypeError("accountIds of the session must be a list of account ids.");
  return accountIds.includes(accountId);
}

function isRestarted(message: HandlerMessage<unknown>): boolean {
  return (message.header("cookie") ?? "").split(";").some((pair) => pair.trim() === `${RESTARTED}=1`);
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1).split("#", 1)[0]);
}

/** A parameter that is there once; a repeated one is nobody's. */
function single(query: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = query.getAll(name);
  return more.length > 0 || value === "" ? undefined : value;
}

/** With nobody to tell, the operator has to see it: a wrong secret must not look like a bad day of HubSpot. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : `A handler of hubspot-oauth failed: ${typeof error}`);
}
