// Who is measured, in the order of the tables. Each is `{ label, refreshes, ours?, create({ origin }) }`, and `create` answers
// `{ call(limit), close() }`.
import { httpClients } from "./http-clients.mjs";
import { oauthClients } from "./oauth-clients.mjs";
import { ours } from "./ours.mjs";

export const contenders = { ...ours, ...httpClients, ...oauthClients };
