/** One API route of HubSpot's, in front of the provider's own access tokens: what it answers to a token that is missing, unknown, expired or good. */
import type { Provider } from "oidc-provider";

/** An answer in HubSpot's words. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const SCOPE = "crm.objects.contacts.read";

/** `GET /crm/v3/objects/contacts`: one contact, which names the account it belongs to. */
export async function answerContacts(provider: Provider, authorization: string | undefined): Promise<ApiAnswer> {
  const value = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
  if (value === undefined) {
    return refusal(
      401,
      "INVALID_AUTHENTICATION",
      "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    );
  }
  const token = await provider.AccessToken.find(value, { ignoreExpiration: true });
  // HubSpot says of a token it cannot read that it expired in 1970.
  if (token === undefined) return expired(0);
  if (token.isExpired) return expired(token.exp);
  if (token.scope?.split(" ").includes(SCOPE) !== true) {
    const errors = [{ message: "One or more of the following scopes are required.", context: { requiredGranularScopes: [SCOPE] } }];
    return refusal(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call.", { errors });
  }
  return { status: 200, body: { results: [{ id: "1", properties: { account: token.accountId } }] } };
}

function expired(atSeconds: number): ApiAnswer {
  const passed = Math.floor(Date.now() / 1_000) - atSeconds;
  const ago = atSeconds === 0 ? `${Math.floor(passed / 86_400)} day(s)` : `${passed} second(s)`;
  return refusal(401, "EXPIRED_AUTHENTICATION", `The OAuth token used to make this call expired ${ago} ago.`, {
    context: { "expire time": [new Date(atSeconds * 1_000).toISOString()] },
  });
}

function refusal(status: number, category: string, message: string, more: Readonly<Record<string, unknown>> = {}): ApiAnswer {
  return { status, body: { status: "error", message, correlationId: "9f6b0c3a-5f0e-4a3e-8d54-6d3d3a2f7d10", category, ...more } };
}
