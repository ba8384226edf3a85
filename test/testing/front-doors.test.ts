/** One battery for every front door of the emulator: whichever way a request comes in, HubSpot is the same. */
import { describe, expect, it } from "vitest";
import {
  HubSpotApiError,
  HubSpotHttp,
  HubSpotOAuthError,
  MalformedResponseError,
  NetworkError,
  RateLimitError,
  ReauthorizationRequiredError,
} from "../../src/index.js";
import { rejection } from "../transport/ways.js";
import type { EmulatorOptions, Fault } from "../../src/testing/index.js";
import { clientThrough, type Door, doors, type OpenDoor } from "./doors.js";

const CONTACTS = "/crm/v3/objects/contacts";

interface Connected extends OpenDoor {
  readonly hubspot: HubSpotHttp;
  readonly oauth: ReturnType<typeof clientThrough>;
  readonly accountId: string;
}

async function connected(door: Door, scopes: string[] = [], options: EmulatorOptions = {}): Promise<Connected> {
  const open = await door.open(options);
  const oauth = clientThrough(open);
  const { accountId } = await open.emulator.connect(oauth, { scopes });
  return { ...open, oauth, accountId, hubspot: new HubSpotHttp({ credential: oauth.account(accountId), retry: false }) };
}

/** The cases, as data: a name and what is done behind a door. */
const cases: readonly [name: string, run: (door: Door) => Promise<void>][] = [
  [
    "authorize, token, refresh and contacts are the whole way of a client",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      emulator.advance(31 * 60_000);
      const ids: string[] = [];
      for await (const { id } of hubspot.paginate(CONTACTS, { limit: 10 }) as AsyncIterable<{ id: string }>) ids.push(id);
      expect(new Set(ids).size).toBe(25);
      const routes = emulator.requests.map(({ route, status }) => `${route} ${status}`);
      expect(routes).toEqual(["token 200", "token 200", "objects-list 200", "objects-list 200", "objects-list 200"]);
    },
  ],
  [
    "the consent page is a page, and the form of it redirects to the app",
    async (door) => {
      const open = await door.open();
      const { url } = await clientThrough(open).createAuthorization({ binding: "a session" });
      const page = await open.fetch(url);
      expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html;charset=utf-8"]);
      expect(await page.text()).toContain(open.emulator.app.name);
    },
  ],
  [
    "a token that HubSpot ended early is refreshed after its 401, once",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      emulator.expireTokens();
      await Promise.all([hubspot.get(CONTACTS), hubspot.get(CONTACTS), hubspot.get(CONTACTS)]);
      expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(1);
      expect(emulator.find((request) => request.status === 401)?.path).toBe(CONTACTS);
    },
  ],
  [
    "a grant that was revoked is refused",
    async (door) => {
      const { emulator, hubspot, accountId } = await connected(door);
      emulator.revokeGrant(accountId);
      emulator.expireTokens(accountId);
      expect(await rejection(hubspot.get(CONTACTS))).toBeInstanceOf(ReauthorizationRequiredError);
    },
  ],
  [
    "a 429 arrives with its headers and its body",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      const headers = { "retry-after": "7", "content-type": "application/json" };
      emulator.respondOnce("objects-list", { status: 429, headers, body: { policyName: "TEN_SECONDLY_ROLLING", errorType: "RATE_LIMIT" } });
      const error = await rejection(hubspot.get(CONTACTS));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error).toMatchObject({ policyName: "TEN_SECONDLY_ROLLING", retryAfterMs: 7000 });
    },
  ],
  [
    "a connection that breaks is a network error, and the request may have been carried out",
    async (door) => {
      const { emulator, hubspot } = await connected(door, ["crm.objects.contacts.write"]);
      emulator.respondOnce("objects-create", { destroy: true, process: true });
      const error = await rejection(hubspot.post(CONTACTS, { body: { properties: { email: "lost@answer.example" } } }));
      expect(error).toBeInstanceOf(NetworkError);
      expect(error).toMatchObject({ sent: true });
      expect(emulator.last()?.status).toBeUndefined();
    },
  ],
  [
    "bodies travel in both directions, in any script, and may be missing",
    async (door) => {
      const { hubspot } = await connected(door, ["crm.objects.contacts.write"]);
      const properties = { firstname: "Łukasz 山田", email: "l@yamada.example" };
      const created = (await hubspot.post(CONTACTS, { body: { properties } })) as { id: string };
      expect(await hubspot.get(`${CONTACTS}/${created.id}?properties=firstname`)).toMatchObject({
        properties: { firstname: properties.firstname },
      });
      const archived = await hubspot.request("DELETE", `${CONTACTS}/${created.id}`);
      expect([archived.status, archived.body]).toEqual([204, undefined]);
      const error = await rejection(hubspot.get(`${CONTACTS}/${created.id}`));
      expect(error).toBeInstanceOf(HubSpotApiError);
      expect(error).toMatchObject({ status: 404 });
    },
  ],
  [
    "the log shows the same request whichever way it came",
    async (door) => {
      const { emulator, hubspot, accountId } = await connected(door);
      emulator.clearRequests();
      await hubspot.get(CONTACTS, { query: { limit: 2, after: 3 }, headers: { "x-test": "one" } });
      const { method, path, url, query, body, form, route, hubId, status, headers } = emulator.last() ?? expect.unreachable();
      expect({ method, path, url, query: { ...query }, body, form, route, hubId: String(hubId), status }).toEqual({
        method: "GET",
        path: CONTACTS,
        url: `${CONTACTS}?limit=2&after=3`,
        query: { limit: "2", after: "3" },
        body: "",
        form: undefined,
        route: "objects-list",
        hubId: accountId,
        status: 200,
      });
      expect(headers).toMatchObject({ "x-test": "one", accept: "application/json" });
      expect(headers["authorization"]).toMatch(/^Bearer /u);
    },
  ],
  [
    "a caller who gives up is let go, with his own reason, while the answer is held back",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      emulator.respondOnce("objects-list", { until: new Promise(() => undefined) });
      const arrived = emulator.nextRequest("objects-list");
      const abort = new AbortController();
      const call = rejection(hubspot.get(CONTACTS, { signal: abort.signal }));
      await arrived;
      abort.abort(new Error("the user went away"));
      expect(await call).toBe(abort.signal.reason);
      expect(await hubspot.get(CONTACTS, { query: { limit: 1 } })).toMatchObject({ results: [{}] });
    },
  ],
  [
    "an answer that is late or comes in pieces is whole, by the timers that the emulator is given",
    async (door) => {
      let timers = 0;
      const startTimer = (callback: () => void): (() => void) => {
        timers++;
        queueMicrotask(callback);
        return () => undefined;
      };
      const { emulator, hubspot } = await connected(door, [], { startTimer });
      emulator.faults.add({ match: "objects-list", fault: { kind: "delay", delayMs: 60_000 } });
      expect(await hubspot.get(CONTACTS, { query: { limit: 1 } })).toMatchObject({ results: [{}] });
      expect(timers).toBe(1);
      emulator.faults.add({ match: "objects-list", fault: { kind: "drip", bytes: 100 } });
      expect(await hubspot.get(CONTACTS, { query: { limit: 1 } })).toMatchObject({ results: [{}] });
      expect(timers).toBeGreaterThan(2);
    },
  ],
  [
    "an answer that breaks off is an error",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      const broken: [Fault, new (...args: never) => Error][] = [
        [{ kind: "reset" }, NetworkError],
        [{ kind: "reset", when: "processed" }, NetworkError],
        [{ kind: "reset", when: "mid-body" }, NetworkError],
        [{ kind: "truncated", framing: "content-length" }, NetworkError],
        // Nothing on the wire shows that a part is missing: it is only no JSON.
        [{ kind: "truncated", framing: "close" }, MalformedResponseError],
      ];
      for (const [fault, error] of broken) {
        emulator.faults.add({ match: "objects-list", fault });
        expect(await rejection(hubspot.get(CONTACTS)), JSON.stringify(fault)).toBeInstanceOf(error);
      }
      expect(await hubspot.get(CONTACTS, { query: { limit: 1 } })).toMatchObject({ results: [{}] });
    },
  ],
  [
    "an answer that never comes holds until its caller gives up or the emulator is closed",
    async (door) => {
      const { emulator, hubspot } = await connected(door);
      emulator.faults.add({ match: "objects-list", fault: { kind: "hang" }, times: 2 });
      const abort = new AbortController();
      let arrived = emulator.nextRequest("objects-list");
      const first = rejection(hubspot.get(CONTACTS, { signal: abort.signal }));
      await arrived;
      abort.abort(new Error("the user went away"));
      expect(await first).toBe(abort.signal.reason);
      arrived = emulator.nextRequest("objects-list");
      const second = rejection(hubspot.get(CONTACTS));
      await arrived;
      await emulator.close();
      // A dispatcher that is gone is a matter of configuration; a socket or a mock is a network error.
      expect(await second).toBeInstanceOf(HubSpotOAuthError);
    },
  ],
];

describe.each(doors)("the $name door", (door) => {
  it.each(cases)("%s", async (_, run) => {
    await expect(run(door)).resolves.toBeUndefined();
  });
});
