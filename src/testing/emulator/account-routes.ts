/** What is asked about an account rather than about its records: account-info. */

import { authenticate } from "./bearer.js";
import { type EmulatorResponse, json } from "./messages.js";
import type { Route, RouteContext } from "./route-table.js";

/** The routes of this file. */
export const accountRoutes: readonly Route[] = [
  {
    name: "account-info",
    method: "GET",
    pattern: "/account-info/{version:v3|2026-03|2026-09}/details",
    handler: accountDetails,
  },
];

function accountDetails(context: RouteContext): EmulatorResponse {
  const caller = authenticate(context, []);
  if ("status" in caller) return caller;
  const { account } = caller;
  const offsetMs = utcOffsetMs(account.timeZone, context.state.now());
  const body = {
    portalId: account.hubId,
    accountType: account.accountType,
    timeZone: account.timeZone,
    companyCurrency: account.region === "eu1" ? "EUR" : "USD",
    additionalCurrencies: [],
    utcOffset: offsetText(offsetMs),
    utcOffsetMilliseconds: offsetMs,
    uiDomain: account.uiDomain,
    dataHostingLocation: account.dataHostingLocation,
  };
  return json(200, body);
}

function utcOffsetMs(timeZone: string, atMs: number): number {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  const name = format.formatToParts(atMs).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
  const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)$/u.exec(name) ?? ["", "+", "0", "0"];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

function offsetText(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const part = (value: number): string => String(value).padStart(2, "0");
  return `${offsetMs < 0 ? "-" : "+"}${part(Math.floor(minutes / 60))}:${part(minutes % 60)}`;
}
