/**
 * HubSpot's token and revoke endpoints as a `fetch`, for tests under fake time: no socket, so that nothing happens between two ticks of
 * the clock. It knows who spent which refresh token, and each request asks `fate` what becomes of it. The emulator is for everything else.
 */
import type { FetchLike } from "../../src/transport.js";

/** `none`: the refresh token stays. `strict`: each is good for once, and a second use revokes the grant. `grace`: the last one stays good for a while. */
export type Rotation = "none" | "strict" | "grace";

/** `unreachable`: never arrived. `connection-lost`: done, and the answer is gone. `hangs`: never arrived, and nobody says so. */
export type Fate = "answered" | "unreachable" | "connection-lost" | "hangs" | "rate-limited" | "server-error" | "wrong-secret";

/** One connection of an account. */
export interface ServerGrant {
  readonly hubId: string;
  readonly number: number;
  /** The first access token. */
  readonly accessToken: string;
  /** The refresh token that HubSpot honours now. */
  refreshToken: string;
  /** The one before, and until when it is honoured under `grace`. */
  overlap: { readonly refreshToken: string; readonly untilMs: number } | undefined;
  /** Why no refresh token of it is honoured any more. */
  endedBy: "reuse" | "revocation" | "uninstall" | undefined;
}

/** One refresh request that arrived. */
export interface RefreshPost {
  readonly by: string;
  readonly refreshToken: string;
  readonly outcome: "refreshed" | "overlapped" | "refused" | "reused";
}

const GRACE_MS = 45_000;
const REFUSED = { status: 400, body: { error: "invalid_grant", status: "BAD_REFRESH_TOKEN" } };

export class TokenServer {
  readonly rotation: Rotation;
  readonly grants: ServerGrant[] = [];
  readonly posts: RefreshPost[] = [];
  /** `expires_in` as it is sent; `undefined` leaves it out. */
  expiresIn: unknown = 1800;
  /** Decides about one refresh request; may wait. */
  fate: (refreshToken: string, by: string) => Fate | Promise<Fate> = () => "answered";
  /** Told of each refresh request that arrived. */
  onPost: (post: RefreshPost) => void = () => undefined;
  /** What a revocation waits for. */
  beforeRevoking: () => Promise<void> | void = () => undefined;
  #issued = 0;

  constructor(rotation: Rotation) {
    this.rotation = rotation;
  }

  /** A user connects. */
  connect(hubId: string): ServerGrant {
    const number = this.grants.length + 1;
    const grant: ServerGrant = {
      hubId,
      number,
      accessToken: `at-${hubId}-${number}-0`,
      refreshToken: `rt-${hubId}-${number}-0`,
      overlap: undefined,
      endedBy: undefined,
    };
    this.grants.push(grant);
    return grant;
  }

  /** The grant that a token is of, by its name. */
  grantOf(token: string | undefined): ServerGrant | undefined {
    const [, hubId, number] = /^[ar]t-(\d+)-(\d+)-/.exec(token ?? "") ?? [];
    return this.grants.find((grant) => grant.hubId === hubId && grant.number === Number(number));
  }

  /** Whether a refresh with this token would succeed. */
  honours(refreshToken: string | undefined): boolean {
    const grant = this.grantOf(refreshToken);
    return grant !== undefined && grant.endedBy === undefined && grant.refreshToken === refreshToken;
  }

  /** The way to this server from the process named `by`. */
  fetchFor(by: string): FetchLike {
    return async (input, init) => {
      const form = new URLSearchParams(init.body as string);
      const { pathname } = new URL(input);
      if (pathname.endsWith("/revoke")) return this.#revoke(form.get("token") ?? "");
      if (!pathname.endsWith("/token")) return json(404, {});
      return this.#token(form.get("refresh_token") ?? "", by);
    };
  }

  async #token(refreshToken: string, by: string): Promise<Response> {
    const fate = await this.fate(refreshToken, by);
    switch (fate) {
      case "hangs":
        return new Promise<Response>(() => undefined);
      case "unreachable":
        throw networkFailure("ECONNREFUSED");
      case "rate-limited":
        return json(429, { status: "error" }, { "retry-after": "3" });
      case "server-error":
        return json(500, { status: "error" });
      case "wrong-secret":
        return json(400, { error: "invalid_client", status: "BAD_CLIENT_SECRET" });
      case "connection-lost":
        this.#refresh(refreshToken, by);
        throw networkFailure("ECONNRESET");
      case "answered": {
        const { status, body } = this.#refresh(refreshToken, by);
        return json(status, body);
      }
    }
  }

  #refresh(refreshToken: string, by: string): { readonly status: number; readonly body: object } {
    const grant = this.grantOf(refreshToken);
    const outcome = this.#judge(grant, refreshToken);
    const post = { by, refreshToken, outcome };
    this.posts.push(post);
    this.onPost(post);
    if (grant === undefined || outcome === "refused") return REFUSED;
    if (outcome === "reused") {
      grant.endedBy = "reuse";
      return REFUSED;
    }
    const number = ++this.#issued;
    if (outcome === "refreshed" && this.rotation !== "none") {
      grant.overlap = { refreshToken, untilMs: performance.now() + GRACE_MS };
      grant.refreshToken = `rt-${grant.hubId}-${grant.number}-${number}`;
    }
    return { status: 200, body: this.#answer(grant, number) };
  }

  #judge(grant: ServerGrant | undefined, refreshToken: string): RefreshPost["outcome"] {
    if (grant === undefined || grant.endedBy !== undefined) return "refused";
    if (this.rotation === "none" || grant.refreshToken === refreshToken) return "refreshed";
    const { overlap } = grant;
    if (this.rotation === "grace" && overlap?.refreshToken === refreshToken && performance.now() < overlap.untilMs) return "overlapped";
    return "reused";
  }

  #answer(grant: ServerGrant, number: number): object {
    return {
      access_token: `at-${grant.hubId}-${grant.number}-${number}`,
      refresh_token: grant.refreshToken,
      expires_in: this.expiresIn,
      token_type: "bearer",
      hub_id: Number(grant.hubId),
      scopes: ["oauth"],
    };
  }

  async #revoke(token: string): Promise<Response> {
    await this.beforeRevoking();
    const grant = this.grantOf(token);
    if (grant !== undefined) grant.endedBy ??= "revocation";
    return json(200, {});
  }
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, { status, headers });
}

function networkFailure(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}
