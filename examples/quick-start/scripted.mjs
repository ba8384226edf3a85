// @ts-check
/** The whole life of a connection, step by step: authorize, callback, exchange, calls, refreshes, disconnect. */
import { HubSpotHttp } from "hubspot-oauth";
import { readContacts } from "./contacts.mjs";
import { duration, printLine, printRequest, printStep, printTable, shorten } from "./print.mjs";

/** @param {import("./hubspot.mjs").World} world */
export async function runScript({ emulator, oauth }) {
  const refreshes = () => emulator.count({ route: "token", grantType: "refresh_token" });
  const lastTokenRequest = () => emulator.requests.findLast(({ route }) => route === "token");
  /** @param {string} accountId */
  const timeLeft = async (accountId) => duration(((await oauth.getAccount(accountId))?.expiresAtMs ?? 0) - emulator.now());

  printStep("HubSpot, emulated on this machine");
  printLine("address", emulator.origin);
  printLine("app", `${emulator.app.name}, client id ${emulator.app.clientId}`);
  printLine("redirect URI", emulator.app.redirectUris.join(", "));

  printStep("The app sends the user to HubSpot: createAuthorization()");
  const { url, cookie } = await oauth.createAuthorization({ returnTo: "/contacts" });
  const authorizeUrl = new URL(url);
  printLine("authorize URL", authorizeUrl.origin + authorizeUrl.pathname);
  for (const [name, value] of authorizeUrl.searchParams) printLine("", `${name.padEnd(22)}${name === "state" ? shorten(value) : value}`);
  printLine("cookie", cookie?.replace(/=[^;]*/, "=(hidden)"));

  printStep("The user chooses an account and grants access");
  const callback = new URL(await emulator.authorize(url, { hubId: emulator.accounts[0]?.hubId }));
  printLine("account", `${emulator.accounts[0]?.name}, ${emulator.accounts[0]?.hubId}`);

  printStep("HubSpot sends the user back: completeAuthorization()");
  printLine("callback", `GET ${callback.pathname}?${[...callback.searchParams.keys()].map((name) => `${name}=…`).join("&")}`);
  const { accountId, returnTo } = await oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] });
  printLine("checked", "the state is ours, this browser began it, and it was not used before");
  printLine("goes on to", returnTo);

  printStep("What that sent: the code for tokens, once");
  printRequest(lastTokenRequest());

  printStep("What was stored: getAccount()");
  const account = await oauth.getAccount(accountId);
  printLine("account", account?.accountId);
  printLine("scopes", account?.scopes.join(", "));
  printLine("status", account?.status);
  printLine("time left", await timeLeft(accountId));

  printStep("A page of contacts: HubSpotHttp.get()");
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  printTable(await readContacts(hubspot, 5));

  printStep("29.5 minutes pass");
  emulator.advance(29.5 * 60_000);
  printLine("time left", await timeLeft(accountId));

  printStep("The next call refreshes first");
  await readContacts(hubspot, 5);
  printRequest(lastTokenRequest());
  printLine("refreshes", String(refreshes()));
  printLine("time left", await timeLeft(accountId));

  printStep("HubSpot ends the token early, and a call succeeds all the same");
  emulator.expireTokens(accountId);
  const contacts = await readContacts(hubspot, 5);
  const answers = emulator.requests.slice(-3).map(({ method, path, status }) => ({ request: `${method} ${path}`, answer: String(status) }));
  printTable(answers);
  printLine("contacts read", String(contacts.length));
  printLine("refreshes", String(refreshes()));

  printStep("The token runs out, and 1,000 calls come at once");
  const [refreshesBefore, listsBefore] = [refreshes(), emulator.count("objects-list")];
  emulator.advance(31 * 60_000);
  await Promise.all(Array.from({ length: 1_000 }, () => readContacts(hubspot, 5)));
  printLine("calls", `${emulator.count("objects-list") - listsBefore}, all answered`);
  printLine("refreshes", `${refreshes() - refreshesBefore} for all of them`);

  printStep("The customer leaves: disconnect()");
  const { revoked } = await oauth.disconnect(accountId);
  printLine("revoked", revoked ? "yes, at HubSpot" : "no");
  printLine("stored", (await oauth.getAccount(accountId)) === undefined ? "nothing any more" : "still there");

  console.log("\nThe same in your browser: npm start -- --browser");
}
