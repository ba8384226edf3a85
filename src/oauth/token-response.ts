/**
 * Reads the body of a token response (RFC 6749 section 5.1, HubSpot's fields). HubSpot's wire names end here.
 * Lenient where a customer's connection is at stake: an odd field is dropped or named as the problem, and the tokens beside it are kept.
 */
import { z } from "zod";
import { ownFields } from "../token-set.js";

/** What HubSpot's documentation says when `expires_in` is missing or unusable: half an hour. */
const DEFAULT_LIFE_MS = 1_800_000;
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** Made when the first answer is read: it takes zod longer to make them than the rest of the library to load. */
let made: Schemas | undefined;

function schemas(): Schemas {
  return (made ??= makeSchemas());
}

function makeSchemas() {
  // Visible ASCII: anything else could not travel in a header, or would change it (RFC 6749 appendix A.12 and A.17).
  const token = z.string().regex(/^[\u0021-\u007e]+$/);
  // int() refuses unsafe integers: an id that lost digits names another account.
  const id = z.union([z.int().nonnegative().transform(String), z.string().regex(/^\d{1,20}$/)]);
  const scopes = z.union([
    z.array(z.string().regex(/^[\u0021\u0023-\u005b\u005d-\u007e]+$/)),
    z.string().transform((text) => text.split(" ").filter(Boolean)),
  ]);
  const tokenBody = z.object({
    access_token: token.optional(),
    refresh_token: token.optional(),
    token_type: z
      .string()
      .regex(/^bearer$/i)
      .optional(),
    hub_id: id.optional(),
    user_id: id.optional(),
    scopes: scopes.optional(),
    scope: scopes.optional(),
    error: z.never().optional(),
  });
  const text = z.string().optional().catch(undefined);
  const introspection = z.object({
    active: z.boolean(),
    hub_id: id.optional().catch(undefined),
    user_id: id.optional().catch(undefined),
    app_id: id.optional().catch(undefined),
    client_id: text,
    user: text,
    hub_domain: text,
    scopes: scopes.optional().catch(undefined),
    expires_in: z.number().optional().catch(undefined),
    token_use: text,
    is_private_distribution: z.boolean().optional().catch(undefined),
  });
  return { tokenBody, introspection };
}

type Schemas = ReturnType<typeof makeSchemas>;

/** A token response in our own words. `problem` names the fields that make it unusable; a refresh token beside them still counts. */
export interface TokenResponse {
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  readonly expiresInMs: number;
  readonly hubId: string | undefined;
  readonly userId: string | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly problem: string | undefined;
}

/** Fields that may be dropped when they are odd: the rest of the response still says whose tokens these are and that they are bearer tokens. */
const DROPPABLE = new Set(["user_id", "scopes", "scope"]);

/** Reads a parsed JSON body. Never throws: what is wrong stands in `problem`, by field name and without values. */
export function parseTokenResponse(body: unknown): TokenResponse {
  const fields = ownFields(body);
  if (fields === undefined) return { ...NOTHING, problem: "the body is not a JSON object" };
  for (const [key, value] of Object.entries(fields)) {
    if (value === null || value === "") delete fields[key];
  }
  const bad = new Set<string>();
  const { tokenBody } = schemas();
  let parsed = tokenBody.safeParse(fields);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) bad.add(String(issue.path[0]));
    for (const key of bad) delete fields[key];
    parsed = tokenBody.safeParse(fields);
  }
  const data: Partial<z.infer<Schemas["tokenBody"]>> = ownFields(parsed.data) ?? {};
  const problems = [...bad].filter((key) => !DROPPABLE.has(key));
  if (data.access_token === undefined && !problems.includes("access_token")) problems.push("access_token");
  return {
    accessToken: data.access_token,
    refreshToken: data.refresh_token,
    expiresInMs: lifeMs(fields["expires_in"]),
    hubId: data.hub_id,
    userId: data.user_id,
    scopes: data.scopes ?? data.scope,
    problem: problems.length === 0 ? undefined : `missing or unusable: ${problems.join(", ")}`,
  };
}

const NOTHING: Omit<TokenResponse, "problem"> = {
  accessToken: undefined,
  refreshToken: undefined,
  expiresInMs: DEFAULT_LIFE_MS,
  hubId: undefined,
  userId: undefined,
  scopes: undefined,
};

/** Seconds on the wire, as a number or a numeric string; anything unusable means the default; a second is the least and a day the most. */
function lifeMs(value: unknown): number {
  const seconds = typeof value === "string" && /^\d+$/.test(value.trim()) ? Number(value) : value;
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds <= 0) return DEFAULT_LIFE_MS;
  return Math.max(1_000, Math.min(Math.floor(seconds * 1000), LONGEST_LIFE_MS));
}

/** What HubSpot knows of a token (RFC 7662). */
export type Introspection =
  | { readonly active: false }
  | {
      readonly active: true;
      readonly hubId: string | undefined;
      readonly userId: string | undefined;
      readonly appId: string | undefined;
      readonly clientId: string | undefined;
      /** The connecting user's e-mail address. */
      readonly user: string | undefined;
      /** The customer's own website domain, not HubSpot's user interface. */
      readonly hubDomain: string | undefined;
      readonly scopes: readonly string[] | undefined;
      /** How long an access token still lives, in milliseconds. */
      readonly expiresInMs: number | undefined;
      /** `access_token` or `refresh_token`. */
      readonly tokenUse: string | undefined;
      readonly isPrivateDistribution: boolean | undefined;
    };

/** Reads an introspection body, or `undefined` when it is not one. An unknown or revoked token is `{ active: false }`. */
export function parseIntrospection(body: unknown): Introspection | undefined {
  const parsed = schemas().introspection.safeParse(ownFields(body));
  if (!parsed.success) return undefined;
  const data = ownFields(parsed.data) as z.infer<Schemas["introspection"]>;
  if (!data.active) return { active: false };
  return {
    active: true,
    hubId: data.hub_id,
    userId: data.user_id,
    appId: data.app_id,
    clientId: data.client_id,
    user: data.user,
    hubDomain: data.hub_domain,
    scopes: data.scopes,
    expiresInMs: data.expires_in === undefined ? undefined : data.expires_in * 1000,
    tokenUse: data.token_use,
    isPrivateDistribution: data.is_private_distribution,
  };
}
