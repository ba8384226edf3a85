/**
 * Whether a person may install an app in an account: their rights, the app's distribution and its limits. HubSpot shows a page otherwise,
 * and the app never hears of it.
 */

import type { AuthorizationProblem } from "./authorization-problem.js";
import type { EmulatorAccount, EmulatorApp } from "./directory.js";
import type { EmulatorUser } from "./directory-options.js";
import type { EmulatorState } from "./state.js";

/** Accounts that may have an app of the marketplace before it is listed there. */
const UNLISTED_INSTALLS = 25;

/** What stands against it; undefined when nothing does. */
export function installProblem(
  state: EmulatorState,
  app: EmulatorApp,
  account: EmulatorAccount,
  user: EmulatorUser,
): AuthorizationProblem | undefined {
  if (user.superAdmin === false && user.marketplaceAccess !== true) {
    return {
      title: "You are not allowed to install apps",
      detail: `${user.email} is no super admin of account ${account.hubId} and has no marketplace access there.`,
      fix: "Sign in as a super admin, or give the user superAdmin or marketplaceAccess.",
    };
  }
  if (app.distribution === "private" && !app.allowedAccounts.includes(account.hubId)) {
    return {
      title: "This app cannot be installed here",
      detail: `${app.name} is distributed privately, and account ${account.hubId} is not on its list.`,
      fix: "Put the account's hub id into the app's allowedAccounts, or choose one that stands there.",
    };
  }
  if (app.distribution === "marketplace" && !app.listed) {
    const installed = state.installedIn(app.clientId);
    if (installed.size >= UNLISTED_INSTALLS && !installed.has(account.hubId)) {
      return {
        title: "This app has reached its install limit",
        detail: `${app.name} is not listed in the marketplace and is installed in ${installed.size} accounts already.`,
        fix: "Uninstall it somewhere, or have the app listed: listed: true.",
      };
    }
  }
  return undefined;
}
