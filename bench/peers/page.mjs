// The page that everybody reads, and the token that everybody sends.

export const PATH = "/crm/v3/objects/contacts";
/** Contacts per page, as many as the server's page has. */
export const LIMIT = 8;
/** About as long as HubSpot's. */
export const ACCESS_TOKEN = "bench".padEnd(300, "-access-token");
export const BEARER = `Bearer ${ACCESS_TOKEN}`;
/** Good until long after the measurement. */
export const EXPIRES_AT_MS = Date.now() + 24 * 3_600_000;

export const CLIENT_ID = "bench";
export const CLIENT_SECRET = "bench-secret";
