/**
 * What HubSpot says of the accounts that are stored: which grants it honours, and whether their scopes are the ones on record. Asks by an
 * access token of each account, which is refreshed when it is over; changes nothing else.
 */
import { type AccountSummary, type HubSpotOAuthClient, isHubSpotOAuthError } from "../index.js";

/** How many accounts are asked about at once: the token endpoint's limit is the whole app's. */
const AT_ONCE = 4;

/** An account and what is wrong with it, in words; nothing, when all is well. */
export interface AuditedAccount {
  readonly account: AccountSummary;
  readonly findings: readonly string[];
}

/** Looks at every account, in the order of their ids. `configured` are the scopes that a connection made today would have. */
export async function auditAccounts(
  oauth: HubSpotOAuthClient,
  configured: readonly string[],
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (done: number) => void },
): Promise<AuditedAccount[]> {
  const accounts = oauth.accounts()[Symbol.asyncIterator]();
  const audited: AuditedAccount[] = [];
  const work = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const next = await accounts.next();
      if (next.done === true) return;
      audited.push({ account: next.value, findings: await findingsOf(oauth, next.value, configured, signal) });
      onProgress(audited.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return audited.toSorted((a, b) => (a.account.accountId < b.account.accountId ? -1 : 1));
}

async function findingsOf(
  oauth: HubSpotOAuthClient,
  account: AccountSummary,
  configured: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  if (account.status === "dead") return [`dead (${account.reason ?? "no reason kept"}): connect it again`];
  try {
    const answer = await oauth.introspect(await oauth.getAccessToken(account.accountId, { signal }), { signal });
    if (!answer.active) return ["HubSpot does not know its access token"];
    if (answer.hubId !== undefined && answer.hubId !== account.hubId) return [`HubSpot says it belongs to account ${answer.hubId}`];
    return scopeFindings(account, answer.scopes, configured);
  } catch (error) {
    if (!isHubSpotOAuthError(error)) throw error;
    return [error.message];
  }
}

function scopeFindings(
  { scopes: stored }: AccountSummary,
  granted: readonly string[] | undefined,
  configured: readonly string[],
): string[] {
  const actual = granted ?? stored;
  const findings: string[] = [];
  const tell = (what: string, scopes: readonly string[]): void => {
    if (scopes.length > 0) findings.push(`${what} ${scopes.join(" ")}`);
  };
  tell(
    "no longer granted:",
    stored.filter((scope) => !actual.includes(scope)),
  );
  tell(
    "granted but not on record:",
    actual.filter((scope) => !stored.includes(scope)),
  );
  tell(
    "configured but not granted, reconnect for:",
    configured.filter((scope) => !actual.includes(scope) && scope !== "oauth"),
  );
  return findings;
}
