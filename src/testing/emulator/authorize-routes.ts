/**
 * `GET /oauth/authorize` and `/oauth/{portalId}/authorize`, and the consent form they post.
 * For a script in any language: POST the authorize URL with the form fields `hub_id`, `decision` (`grant` or `deny`) and, if wanted,
 * `user_id`; the answer is a 302 whose `Location` is the callback URL.
 */

import { isProblem } from "./authorization-problem.js";
import { decide, readAuthorization, refusalUrl } from "./authorization.js";
import { accountChooserPage, cancelledPage, consentPage, problemPage } from "./authorize-page.js";
import { type EmulatorResponse, empty } from "./messages.js";
import type { Route, RouteContext } from "./route-table.js";

/** The authorize routes. */
export const authorizeRoutes: readonly Route[] = [
  { name: "authorize", method: "GET", pattern: "/oauth/authorize", handler: showPage },
  {
    name: "authorize",
    method: "GET",
    pattern: "/oauth/{portalId:\\d+}/authorize",
    handler: showPage,
  },
  { name: "consent", method: "POST", pattern: "/oauth/authorize", handler: submitConsent },
  {
    name: "consent",
    method: "POST",
    pattern: "/oauth/{portalId:\\d+}/authorize",
    handler: submitConsent,
  },
];

function showPage({ state, query, params, request }: RouteContext): EmulatorResponse {
  const authorization = readAuthorization(state, query, params["portalId"]);
  if (isProblem(authorization)) return problemPage(authorization);
  if (authorization.refusal !== undefined) return redirect(refusalUrl(state, authorization));
  if (authorization.preselected !== undefined) return consentPage(authorization, authorization.preselected, request.url.search);
  return accountChooserPage(
    authorization,
    state.accounts.filter((account) => !account.deleted),
    request.url.search,
  );
}

function submitConsent({ state, query, params, request }: RouteContext): EmulatorResponse {
  const form = request.form ?? {};
  const authorization = readAuthorization(state, query, params["portalId"]);
  if (isProblem(authorization)) return problemPage(authorization);
  const account = form["hub_id"] === undefined ? authorization.preselected : state.findAccount(Number(form["hub_id"]));
  if (account === undefined || (authorization.preselected ?? account) !== account) {
    return problemPage({
      title: "Unknown account",
      detail: "hub_id must name an account, and the one in the path if there is one.",
      fix: "Post the hub id of an account of the emulator. The form of the consent page does.",
    });
  }
  const userId = form["user_id"];
  const user = userId === undefined ? account.users[0] : account.users.find((candidate) => String(candidate.userId) === userId);
  if (user === undefined)
    return problemPage({
      title: "Unknown user",
      detail: `Account ${account.hubId} has no such user_id.`,
      fix: "Post the user id of one of the account's users, or none to take the first.",
    });
  const decision = form["decision"];
  if (decision !== "grant" && decision !== "deny") {
    return problemPage({
      title: "No decision",
      detail: "The form field decision must be grant or deny.",
      fix: "Post decision=grant or decision=deny. The buttons of the consent page do.",
    });
  }
  const outcome = decide(state, authorization, { account, user, decision });
  if (outcome === undefined) return cancelledPage();
  return typeof outcome === "string" ? redirect(outcome) : problemPage(outcome);
}

function redirect(location: string): EmulatorResponse {
  return empty(302, { location, "cache-control": "no-store", "referrer-policy": "no-referrer" });
}
