/**
 * The v1 list endpoints that still page in their own ways: contacts (`vidOffset`, `has-more`, `vid-offset`) and engagements
 * (`offset`, `hasMore`).
 */

import { validationError } from "./api-errors.js";
import { authenticate } from "./bearer.js";
import type { CrmRecord } from "./crm-collection.js";
import type { EngagementRecord } from "./crm-store.js";
import { type EmulatorResponse, json } from "./messages.js";
import type { Route, RouteContext } from "./route-table.js";

const DEFAULT_COUNT = 20;
const MAX_COUNT = 100;
const READ_CONTACTS = ["crm.objects.contacts.read"];

/** The v1 CRM routes. */
export const legacyCrmRoutes: readonly Route[] = [
  {
    name: "contacts-v1-list",
    method: "GET",
    pattern: "/contacts/v1/lists/all/contacts/all",
    handler: listContacts,
  },
  {
    name: "engagements-v1-list",
    method: "GET",
    pattern: "/engagements/v1/engagements/recent/modified",
    handler: listEngagements,
  },
];

function listContacts(context: RouteContext): EmulatorResponse {
  const caller = authenticate(context, READ_CONTACTS);
  if ("status" in caller) return caller;
  const count = readCount(context.query["count"]);
  const vidOffset = readOffset(context.query["vidOffset"]);
  if (count === undefined || vidOffset === undefined) return validationError("count and vidOffset must be whole numbers");
  const { records, next } = caller.account.crm.objects("contacts").page(vidOffset + 1, count);
  const body = {
    contacts: records.map((record) => contactV1(record, caller.account.hubId)),
    "has-more": next !== undefined,
    "vid-offset": Number(records.at(-1)?.id ?? vidOffset),
  };
  return json(200, body);
}

function listEngagements(context: RouteContext): EmulatorResponse {
  const caller = authenticate(context, READ_CONTACTS);
  if ("status" in caller) return caller;
  const count = readCount(context.query["count"]);
  const offset = readOffset(context.query["offset"]);
  if (count === undefined || offset === undefined) return validationError("count and offset must be whole numbers");
  const since = Number(context.query["since"] ?? 0);
  const { engagements } = caller.account.crm;
  const all = since === 0 ? engagements : engagements.filter((engagement) => engagement.updatedAtMs >= since);
  const page = all.slice(offset, offset + count);
  const body = {
    results: page.map((engagement) => engagementV1(engagement, caller.account.hubId)),
    hasMore: offset + count < all.length,
    offset: offset + page.length,
    total: all.length,
  };
  return json(200, body);
}

/** More than the maximum is the maximum, as in v1 generally. */
function readCount(value: string | undefined): number | undefined {
  const count = Number(value ?? DEFAULT_COUNT);
  return Number.isInteger(count) && count >= 1 ? Math.min(count, MAX_COUNT) : undefined;
}

function readOffset(value: string | undefined): number | undefined {
  const offset = Number(value ?? 0);
  return Number.isInteger(offset) && offset >= 0 ? offset : undefined;
}

function contactV1(record: CrmRecord, hubId: number): object {
  const vid = Number(record.id);
  const { firstname, lastname, email, lastmodifieddate } = record.properties;
  const modifiedAtMs = String(Date.parse(lastmodifieddate ?? ""));
  return {
    addedAt: record.createdAtMs,
    vid,
    "canonical-vid": vid,
    "merged-vids": [],
    "portal-id": hubId,
    "is-contact": true,
    properties: {
      firstname: { value: firstname ?? "" },
      lastname: { value: lastname ?? "" },
      lastmodifieddate: { value: modifiedAtMs },
    },
    "form-submissions": [],
    "identity-profiles": [
      {
        vid,
        "saved-at-timestamp": record.createdAtMs,
        "deleted-changed-timestamp": 0,
        identities: !email ? [] : [{ type: "EMAIL", value: email, timestamp: record.createdAtMs, "is-primary": true }],
      },
    ],
    "merge-audits": [],
  };
}

function engagementV1(engagement: EngagementRecord, hubId: number): object {
  return {
    engagement: {
      id: engagement.id,
      portalId: hubId,
      active: true,
      createdAt: engagement.createdAtMs,
      lastUpdated: engagement.updatedAtMs,
      type: "NOTE",
      timestamp: engagement.createdAtMs,
    },
    associations: {
      contactIds: engagement.contactId === undefined ? [] : [engagement.contactId],
      companyIds: [],
      dealIds: [],
      ownerIds: [],
      workflowIds: [],
      ticketIds: [],
    },
    attachments: [],
    metadata: { body: engagement.body },
  };
}
