// @ts-check
/** A page with rows from HubSpot for the user who is signed in, or with what keeps it from having any. */
import { redirect } from "next/navigation";
import { HubSpotHttp, isHubSpotOAuthError } from "hubspot-oauth";
import { DEALS_SCOPE, hubspotClient } from "./hubspot.js";
import { signedInUser } from "./session.js";

/** @param {{ title: string, path: string, scope: string, read: (hubspot: HubSpotHttp) => Promise<string[][]> }} props */
export async function CrmPage({ title, path, scope, read }) {
  const user = await signedInUser();
  if (user === undefined) redirect("/");
  const oauth = hubspotClient();
  const answer = await rowsOf(oauth, user.id, scope, read);
  if ("rows" in answer) {
    return (
      <Frame title={title}>
        <table>
          <tbody>
            {answer.rows.map((cells, row) => (
              <tr key={row}>
                {cells.map((cell, column) => (
                  <td key={column}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Frame>
    );
  }
  return (
    <Frame title="That did not work">
      <p role="alert">{answer.text}</p>
      {answer.query && <a href={`/hubspot/connect?${new URLSearchParams({ ...answer.query, return_to: path })}`}>{answer.label}</a>}
    </Frame>
  );
}

/**
 * @param {ReturnType<typeof hubspotClient>} oauth
 * @param {string} accountId
 * @param {string} scope
 * @param {(hubspot: HubSpotHttp) => Promise<string[][]>} read
 * @returns {Promise<{ rows: string[][] } | { text: string, label?: string, query?: Record<string, string> }>}
 */
async function rowsOf(oauth, accountId, scope, read) {
  try {
    await oauth.requireScopes(accountId, [scope]);
    return { rows: await read(new HubSpotHttp({ credential: oauth.account(accountId) })) };
  } catch (error) {
    if (isHubSpotOAuthError(error)) {
      if (error.code === "account_not_connected") return { text: "HubSpot is not connected yet.", label: "Connect HubSpot", query: {} };
      if (error.code === "reauthorization_required")
        return { text: "HubSpot has ended the connection. Please connect again.", label: "Connect HubSpot", query: {} };
      if (error.code === "missing_scopes") {
        // With `account` it is a reconnect: it keeps the scopes that were granted and has to end at the same HubSpot account.
        const query = { account: accountId, scope: error.scopes.join(" ") };
        return {
          text: "This needs a permission that you have not given yet.",
          label: scope === DEALS_SCOPE ? "Allow deals" : "Allow",
          query,
        };
      }
    }
    console.error(error);
    return { text: "HubSpot cannot be reached right now. Please try again in a moment." };
  }
}

/** @param {{ title: string, children: React.ReactNode }} props */
function Frame({ title, children }) {
  return (
    <>
      <h1>{title}</h1>
      {children}
      <p>
        <a href="/">Back</a>
      </p>
    </>
  );
}
