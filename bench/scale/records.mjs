// Records as a store holds them, with tokens as long as HubSpot's. Each is made anew from its text when it is asked for, and nothing is kept:
// what then stays in memory is what the client keeps.
import { randomBytes, randomUUID } from "node:crypto";

/** Until 2023 HubSpot advised room for 300 characters; today, for 512. */
export const ACCESS_TOKEN_CHARACTERS = 300;
export const CLIENT_ID = randomUUID();
const FIRST_HUB_ID = 100_000_000;
const SCOPES = [
  "oauth",
  "crm.objects.contacts.read",
  "crm.objects.contacts.write",
  "crm.objects.companies.read",
  "crm.objects.deals.read",
  "crm.schemas.contacts.read",
];

/** The id of the account with this number: its HubSpot account id, as by default. */
export function accountId(number) {
  return String(FIRST_HUB_ID + number);
}

/** An access token that nobody else has. */
export function newAccessToken() {
  return randomBytes(ACCESS_TOKEN_CHARACTERS * 0.75).toString("base64url");
}

/** A record as a driver hands it out: every string of it is its own. */
export function newRecord(id, { obtainedAtMs, expiresInMs = 1_800_000 }) {
  return JSON.parse(
    JSON.stringify({
      version: randomBytes(16).toString("base64url"),
      format: 1,
      accountId: id,
      hubId: id,
      clientId: CLIENT_ID,
      grantId: randomBytes(16).toString("base64url"),
      accessToken: newAccessToken(),
      refreshToken: `na1-${randomUUID()}`,
      obtainedAtMs,
      expiresInMs,
      connectedAtMs: obtainedAtMs,
      scopes: SCOPES,
      status: "active",
    }),
  );
}

/** A token store whose records are made when they are read, and which keeps none. */
export function storeOfFreshRecords(now) {
  return {
    get: (id) => newRecord(id, { obtainedAtMs: now() }),
    set: () => {
      throw new Error("Nothing is refreshed here.");
    },
    delete: () => {
      throw new Error("Nothing is disconnected here.");
    },
  };
}
