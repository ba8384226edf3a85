// The calls of the soak: every way in which an application reads and writes, each checking that what comes back is of the account it asked for.
import { fingerprint } from "./ledger.mjs";

const CONTACTS = "/crm/v3/objects/contacts";
const IDS = Array.from({ length: 40 }, (_, index) => String(101 + index));

/** An answer is of another account than the one that was asked for. */
export class MixUpError extends Error {
  name = "MixUpError";
}

/** HubSpot sent something that is no list of contacts: a fault, seen by the application itself where it reads a stream. */
export class OddAnswerError extends Error {
  name = "OddAnswerError";
}

/** `[weight, { name, run }]`. `run` gets `{ oauth, hubspot, accountId, random, options }`, options being those of a call. */
export const CALLS = [
  [24, page],
  [6, everyPage],
  [6, somePages],
  [12, oneContact],
  [8, search],
  [8, change],
  [6, accountInfo],
  [6, accessToken],
  [6, stream],
  [6, halfAStream],
  [6, boundFetch],
  [6, halfAFetch],
];

async function page({ hubspot, accountId, random, options }) {
  const body = await hubspot.get(CONTACTS, { ...options, query: { limit: 1 + random.below(40), properties: "account,email" } });
  ofAccount(body, accountId);
}

async function everyPage({ hubspot, accountId, options }) {
  for await (const contact of hubspot.paginate(CONTACTS, { ...options, query: { limit: 20, properties: "account" } })) {
    recordOf(contact, accountId);
  }
}

async function somePages({ hubspot, accountId, random, options }) {
  let left = 1 + random.below(30);
  for await (const contact of hubspot.paginate(CONTACTS, { ...options, query: { limit: 10, properties: "account" } })) {
    recordOf(contact, accountId);
    if (--left === 0) break;
  }
}

async function oneContact({ hubspot, accountId, random, options }) {
  recordOf(await hubspot.get(`${CONTACTS}/${random.pick(IDS)}`, { ...options, query: { properties: "account" } }), accountId);
}

async function search({ hubspot, accountId, options }) {
  const body = { filterGroups: [{ filters: [{ propertyName: "account", operator: "HAS_PROPERTY" }] }], properties: ["account"], limit: 5 };
  ofAccount(await hubspot.post(`${CONTACTS}/search`, { ...options, body }), accountId);
}

async function change({ hubspot, accountId, random, options }) {
  const body = { properties: { lastname: `soaked-${random.below(1_000)}` } };
  recordOf(await hubspot.patch(`${CONTACTS}/${random.pick(IDS)}`, { ...options, body, idempotent: random.chance(0.5) }), accountId);
}

async function accountInfo({ oauth, accountId, options }) {
  const { hubId } = await oauth.accountInfo(accountId, { signal: options.signal });
  if (hubId !== accountId) throw new MixUpError(`The details of ${hubId} came for ${accountId}`);
}

async function accessToken({ oauth, accountId, options, report }) {
  report.token(accountId, fingerprint(await oauth.getAccessToken(accountId, { signal: options.signal })));
}

async function stream({ hubspot, accountId, options }) {
  const { body } = await hubspot.stream("GET", CONTACTS, { ...options, query: { limit: 40, properties: "account" } });
  const pieces = [];
  for await (const piece of body) pieces.push(piece);
  ofAccount(parse(Buffer.concat(pieces).toString()), accountId);
}

async function halfAStream({ hubspot, random, options }) {
  const { body } = await hubspot.stream("GET", CONTACTS, { ...options, query: { limit: 40, properties: "account,email" } });
  if (random.chance(0.3)) return void body.destroy(); // Not a byte was read.
  for await (const _ of body) break;
}

async function boundFetch({ hubspot, accountId, options: { headers, signal } }) {
  const response = await hubspot.fetch(`${CONTACTS}?limit=10&properties=account`, { headers, signal });
  const text = await response.text();
  if (response.ok) ofAccount(parse(text), accountId);
}

async function halfAFetch({ hubspot, random, options: { headers, signal } }) {
  const response = await hubspot.fetch(`${CONTACTS}?limit=40&properties=account`, { headers, signal });
  const reader = response.body?.getReader();
  if (random.chance(0.7)) await reader?.read();
  await reader?.cancel();
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new OddAnswerError("No JSON");
  }
}

/** A fault may take anything away; but whatever names an account names this one. */
function ofAccount(body, accountId) {
  if (!Array.isArray(body?.results)) throw new OddAnswerError("No list");
  for (const contact of body.results) recordOf(contact, accountId);
}

function recordOf(contact, accountId) {
  const account = contact?.properties?.account;
  if (account === undefined || account === null) throw new OddAnswerError("No contact");
  if (account !== accountId) throw new MixUpError(`A contact of ${account} came for ${accountId}`);
}
