/** One connected account as a credential for `HubSpotHttp`: the hot path is a map look-up and returns without a promise. */
import type { AccountCredential, Authorization, AuthorizeOptions, HttpRuntime } from "./credentials.js";
import type { TokenCoordinator } from "./refresh.js";

/** Made by `oauth.account(id)`. */
export class CoordinatedAccount implements AccountCredential {
  readonly id: string;
  readonly accountId: string;
  readonly runtime: HttpRuntime;
  readonly #tokens: TokenCoordinator;

  constructor(clientId: string, accountId: string, runtime: HttpRuntime, tokens: TokenCoordinator) {
    this.id = `${clientId}:${accountId}`;
    this.accountId = accountId;
    this.runtime = runtime;
    this.#tokens = tokens;
  }

  authorize(options?: AuthorizeOptions): Authorization | Promise<Authorization> {
    if (options?.rejected === undefined) {
      const ready = this.#tokens.peek(this.accountId);
      if (ready !== undefined) return ready.authorization;
    }
    return this.#wait(options);
  }

  reload(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Authorization> {
    return this.#tokens.reload(this.accountId, options.signal);
  }

  async #wait({ rejected, signal }: AuthorizeOptions = {}): Promise<Authorization> {
    const rejectedToken = rejected?.headers?.["authorization"]?.replace(/^Bearer /, "");
    return (await this.#tokens.token(this.accountId, { rejectedToken, signal })).authorization;
  }
}
