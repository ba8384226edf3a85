/**
 * The only HubSpot URLs of the package, and which version of the OAuth endpoints is used. `/oauth/v1/*` ends on 2027-02-16; the others are
 * one and the same operation behind three paths.
 */
import type { Emit } from "../events.js";

/** Where the API is. */
export const API_ORIGIN = "https://api.hubapi.com";
/** Where users authorize, unless their data lives in another region (`authorizeOrigin`). */
export const AUTHORIZE_ORIGIN = "https://app.hubspot.com";

/** Which OAuth endpoints to call: `auto` is v1 until 2027-02-02 and the dated ones from then on, or as soon as v1 is gone. */
export type ApiVersion = "auto" | "v1" | "v3" | "2026-03" | "2026-09";

/** Every value of `apiVersion`. */
export const API_VERSIONS: readonly ApiVersion[] = ["auto", "v1", "v3", "2026-03", "2026-09"];

type EndpointVersion = Exclude<ApiVersion, "auto">;

const CURRENT: EndpointVersion = "2026-09";
/** Two weeks before HubSpot ends v1, so that whoever is surprised can still pin "v1". */
const LEAVE_V1_AT_MS = Date.UTC(2027, 1, 2);

/** The paths of one client's OAuth endpoints; knows when to move off v1. */
export class OAuthEndpoints {
  readonly #apiVersion: ApiVersion;
  readonly #now: () => number;
  readonly #emit: Emit;
  #moved = false;

  constructor(apiVersion: ApiVersion, now: () => number, emit: Emit) {
    this.#apiVersion = apiVersion;
    this.#now = now;
    this.#emit = emit;
  }

  /** Where codes and refresh tokens are exchanged now. */
  tokenPath(): string {
    if (this.#apiVersion !== "auto") return tokenPath(this.#apiVersion);
    if (!this.#moved && this.#now() >= LEAVE_V1_AT_MS) this.#move("date");
    return tokenPath(this.#moved ? CURRENT : "v1");
  }

  /** Where to ask again when `path` answered 404 or 410, or `undefined` when there is nowhere else. */
  successorOf(path: string): string | undefined {
    return this.#apiVersion === "auto" && path === tokenPath("v1") ? tokenPath(CURRENT) : undefined;
  }

  /** The successor answered as OAuth: v1 is gone, stay here. */
  confirmMove(): void {
    if (!this.#moved) this.#move("not-found");
  }

  /** Where the app gets a token of its own: an operation that v1 has not. */
  clientCredentialsPath(): string {
    return tokenPath(this.#dated());
  }

  /** What HubSpot says of the account of the Bearer token. */
  accountInfoPath(): string {
    return `/account-info/${this.#dated()}/details`;
  }

  /** Introspection (RFC 7662). Never v1, which puts the token into the URL. */
  introspectPath(): string {
    return `${tokenPath(this.#dated())}/introspect`;
  }

  /** Revocation (RFC 7009). */
  revokePath(): string {
    return `${tokenPath(this.#dated())}/revoke`;
  }

  /** Removes the app from the portal of the Bearer token; answers 204. */
  uninstallPath(): string {
    return `/appinstalls/${this.#dated()}/external-install`;
  }

  #dated(): EndpointVersion {
    return this.#apiVersion === "2026-03" ? "2026-03" : CURRENT;
  }

  #move(reason: "date" | "not-found"): void {
    this.#moved = true;
    this.#emit("endpoint.moved", { from: tokenPath("v1"), to: tokenPath(CURRENT), reason });
  }
}

function tokenPath(version: EndpointVersion): string {
  return `/oauth/${version}/token`;
}
