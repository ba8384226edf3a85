/** What a person does with an authorize URL, without a browser: the same decisions as on the page, and the callback URL as the answer. */

import { isProblem } from "./authorization-problem.js";
import { decide, readAuthorization } from "./authorization.js";
import { firstValues } from "./messages.js";
import type { EmulatorState } from "./state.js";

/** What the person does on the consent page. */
export interface AuthorizeDecision {
  /** The account to choose. @default the one in the URL, else the first */
  readonly hubId?: number | string | undefined;
  /** Who is signed in. @default the account's first user */
  readonly userId?: number | string | undefined;
  /** What the user does. @default "grant" */
  readonly decision?: "grant" | "deny" | undefined;
}

/** Answers the callback URL, with `code` or `error`. Throws an `Error` when the person would see an error page, or no callback would come. */
export function decideHeadless(state: EmulatorState, url: string | URL, decision: AuthorizeDecision): string {
  const { pathname, searchParams } = new URL(url, "https://app.hubspot.com");
  const path = /^\/oauth\/(?:(?<portalId>\d+)\/)?authorize$/u.exec(pathname);
  if (path === null) throw new Error(`Not an authorize URL: ${pathname}`);
  const request = readAuthorization(state, firstValues(searchParams), path.groups?.["portalId"]);
  if (isProblem(request)) throw new Error(`HubSpot shows an error page: ${request.title}. ${request.detail}`);
  const hubId = decision.hubId ?? request.preselected?.hubId ?? state.accounts.find((candidate) => !candidate.deleted)?.hubId;
  const account = state.findAccount(Number(hubId));
  if (account === undefined) throw new Error(`There is no account ${hubId}`);
  if ((request.preselected ?? account) !== account)
    throw new Error(`The URL preselects account ${request.preselected?.hubId}, not ${hubId}`);
  const user = account.users.find(({ userId }) => decision.userId === undefined || String(userId) === String(decision.userId));
  if (user === undefined) throw new Error(`Account ${hubId} has no user ${decision.userId}`);
  const outcome = decide(state, request, {
    account,
    user,
    decision: decision.decision ?? "grant",
  });
  if (outcome === undefined) throw new Error("HubSpot sends no callback when the user cancels (denial: no-callback)");
  if (typeof outcome !== "string") throw new Error(`HubSpot shows an error page: ${outcome.title}. ${outcome.detail}`);
  return outcome;
}
