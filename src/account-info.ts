/** What HubSpot says of an account: what apps need to build links to it and to show its times. */
import { MalformedResponseError } from "./errors.js";
import { safeText, safeWord } from "./safe-text.js";
import { ownFields } from "./token-set.js";

/** One HubSpot account. Every text is HubSpot's own and may be absent. */
export interface AccountInfo {
  /** HubSpot's `portalId`. */
  readonly hubId: string;
  /** `STANDARD`, `SANDBOX`, `DEVELOPER_TEST` or `APP_DEVELOPER`. */
  readonly accountType: string | undefined;
  /** An IANA time zone such as `Europe/Berlin`; daily limits reset at its midnight. */
  readonly timeZone: string | undefined;
  /** An offset such as `+01:00`, at the time of the call. */
  readonly utcOffset: string | undefined;
  /** The host of the account's pages, such as `app-eu1.hubspot.com`: links are `https://<uiDomain>/contacts/<hubId>/…`. */
  readonly uiDomain: string | undefined;
  /** The region of the account's data, such as `eu1`. */
  readonly dataHostingLocation: string | undefined;
  /** A currency code such as `EUR`. */
  readonly companyCurrency: string | undefined;
}

/** Reads HubSpot's body (`GET /account-info/<version>/details`). @throws MalformedResponseError when it does not say which account it is of. */
export function readAccountInfo(body: unknown): AccountInfo {
  const fields = ownFields(body) ?? {};
  const portalId = fields["portalId"];
  if (!Number.isSafeInteger(portalId) && !(typeof portalId === "string" && /^\d{1,20}$/.test(portalId))) {
    throw new MalformedResponseError("HubSpot's answer about the account does not say which account it is of (portalId).", { status: 200 });
  }
  const domain = safeText(fields["uiDomain"]);
  return {
    hubId: String(portalId),
    accountType: safeWord(fields["accountType"]),
    timeZone: safeText(fields["timeZone"]),
    utcOffset: safeText(fields["utcOffset"]),
    // It becomes the host of links.
    uiDomain: domain !== undefined && /^[a-z\d-]+(\.[a-z\d-]+)+$/i.test(domain) ? domain : undefined,
    dataHostingLocation: safeWord(fields["dataHostingLocation"]),
    companyCurrency: safeWord(fields["companyCurrency"]),
  };
}
