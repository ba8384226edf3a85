/** How `paginate` walks: one page at a time, no further than it is asked, ended by an abort, and able to go on after an error. */
import { getEventListeners } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type Page, type PageCall, paginate } from "../../src/http/pagination.js";
import { gate } from "../support/scripted-store.js";
import { rejection } from "../transport/ways.js";
import { api, expired, inTurn, json, itemsOf } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";

/** The path and query of each request. */
const urls = (server: { readonly requests: readonly IncomingMessage[] }): (string | undefined)[] => server.requests.map(({ url }) => url);

function cursorOf(place: object): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

describe("how it goes on", () => {
  const pageOf = (results: readonly unknown[], after?: string): RequestListener =>
    json({ results, ...(after && { paging: { next: { after } } }) });

  /** Three pages of two, and the places that were asked for. */
  const counting = (): { readonly asked: unknown[]; readonly call: PageCall } => {
    const asked: unknown[] = [];
    const call: PageCall = ({ query }) => {
      const after = Number((query as { after?: unknown }).after ?? 0);
      asked.push(after);
      return Promise.resolve({ results: [after, after + 1], ...(after < 4 && { paging: { next: { after: after + 2 } } }) });
    };
    return { asked, call };
  };

  it.each([
    [false, [1, 1, 2, 2, 3, 3]],
    [true, [2, 2, 3, 3, 3, 3]],
  ])("prefetch %s: nothing is sent before the first item is asked for, nor more than one page ahead of it", async (prefetch, requests) => {
    const { asked, call } = counting();
    const items = paginate(call, CONTACTS, { prefetch })[Symbol.asyncIterator]();
    expect(asked).toEqual([]);
    for (const [value, sent] of requests.entries()) {
      expect(await items.next()).toEqual({ done: false, value });
      expect(asked).toEqual([0, 2, 4].slice(0, sent));
    }
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(asked).toHaveLength(3);
  });

  it("leaving the loop stops the requests", async () => {
    const { server, hubspot } = await api(pageOf([1, 2], "a"));
    for await (const item of hubspot.paginate(CONTACTS)) if (item === 2) break;
    for await (const page of hubspot.paginate(CONTACTS).pages()) if (page.items.length > 0) break;
    expect(server.requests).toHaveLength(2);
  });

  it("every iteration begins anew, of items and of pages", async () => {
    const { server, hubspot } = await api((request, response) =>
      (request.url === CONTACTS ? pageOf([0, 1], "a") : pageOf([2]))(request, response),
    );
    const contacts = hubspot.paginate(CONTACTS);
    const pages = contacts.pages();
    expect([await itemsOf(contacts), await itemsOf(contacts)]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect([await itemsOf(pages), await itemsOf(pages)].map((each) => each.map(({ items }) => items))).toEqual([
      [[0, 1], [2]],
      [[0, 1], [2]],
    ]);
    expect(server.requests).toHaveLength(8);
  });

  it("an empty page in the middle is no end", async () => {
    const { hubspot } = await api(inTurn(pageOf([1], "a"), pageOf([], "b"), pageOf([], "c"), pageOf([2])));
    expect(await itemsOf(hubspot.paginate(CONTACTS))).toEqual([1, 2]);
  });

  it("a page holds items, total and the body as it came", async () => {
    const body = { total: 3, results: [{ id: "1" }], paging: { next: { after: "7" } }, extra: true };
    const { hubspot } = await api(inTurn(json(body), json({ results: [], total: "3" })));
    const [first, last] = (await itemsOf(hubspot.paginate(CONTACTS).pages())) as [Page, Page];
    expect(first).toEqual({ items: [{ id: "1" }], cursor: cursorOf({ after: "7" }), total: 3, body });
    expect(last).toEqual({ items: [], cursor: undefined, total: undefined, body: { results: [], total: "3" } });
  });

  it.each<[string, RequestListener, object]>([
    ["a refusal of HubSpot's", json({ category: "VALIDATION_ERROR", message: "no" }, 400), { code: "hubspot_api", status: 400 }],
    ["a rate limit", json({ policyName: "SECONDLY" }, 429), { code: "rate_limited", policyName: "SECONDLY" }],
    ["a lost connection", (request) => request.socket.destroy(), { code: "network" }],
    [
      "no JSON",
      (_request, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
      { code: "malformed_response" },
    ],
    ["an expired token", expired, { status: 401, category: "EXPIRED_AUTHENTICATION" }],
  ])("%s comes through, and the last cursor begins at the page that failed", async (_, failure, error) => {
    const { server, hubspot } = await api(inTurn(pageOf([1], "a"), failure, pageOf([2], "b"), pageOf([3])));
    const seen: unknown[] = [];
    let cursor: string | undefined;
    const run = async (): Promise<void> => {
      for await (const page of hubspot.paginate(CONTACTS, { cursor }).pages()) {
        seen.push(...page.items);
        ({ cursor } = page);
      }
    };
    expect(await rejection(run())).toMatchObject(error);
    expect(seen).toEqual([1]);
    await run();
    expect(seen).toEqual([1, 2, 3]);
    expect(urls(server)).toEqual(["", "?after=a", "?after=a", "?after=b"].map((query) => CONTACTS + query));
  });

  it("with prefetch the list is the same, and an error waits until its page is asked for", async () => {
    const { hubspot } = await api(inTurn(pageOf([1], "a"), pageOf([2], "b"), pageOf([3]), pageOf([1], "a"), json({}, 500)));
    expect(await itemsOf(hubspot.paginate(CONTACTS, { prefetch: true }))).toEqual([1, 2, 3]);
    const pages = hubspot.paginate(CONTACTS, { prefetch: true }).pages()[Symbol.asyncIterator]();
    expect((await pages.next()).value).toMatchObject({ items: [1], cursor: cursorOf({ after: "a" }) });
    expect(await rejection(pages.next())).toMatchObject({ status: 500 });
    expect(await pages.next()).toEqual({ done: true, value: undefined });
  });

  it("leaving the loop stops a page that was requested ahead", { timeout: 15_000 }, async () => {
    const stopped = gate();
    const begun = gate();
    const { hubspot } = await api(
      inTurn(pageOf([1], "a"), (request) => {
        request.socket.once("close", () => stopped.open());
        begun.open();
      }),
    );
    const { signal } = new AbortController();
    for await (const item of hubspot.paginate(CONTACTS, { prefetch: true, signal })) {
      expect(item).toBe(1);
      await begun.opened;
      break;
    }
    await stopped.opened;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe.each([false, true])("an abort (prefetch: %s)", (prefetch) => {
  const reason = new Error("enough");

  it("before the first page sends nothing", async () => {
    const { server, hubspot } = await api(json({ results: [] }));
    expect(await rejection(itemsOf(hubspot.paginate(CONTACTS, { prefetch, signal: AbortSignal.abort(reason) })))).toBe(reason);
    expect(server.requests).toHaveLength(0);
  });

  it.each<["items" | "pages", unknown[]]>([
    ["items", [1]],
    ["pages", [[1, 2]]],
  ])("between two %s rejects with the signal's reason, and nothing more is sent", async (kind, expected) => {
    const controller = new AbortController();
    const { server, hubspot } = await api(json({ results: [1, 2], paging: { next: { after: "a" } } }));
    const contacts = hubspot.paginate(CONTACTS, { prefetch, signal: controller.signal });
    const seen: unknown[] = [];
    const run = async (): Promise<void> => {
      for await (const each of kind === "items" ? contacts : contacts.pages()) {
        seen.push(kind === "items" ? each : (each as Page).items);
        controller.abort(reason);
      }
    };
    expect(await rejection(run())).toBe(reason);
    expect(seen).toEqual(expected);
    expect(server.requests.length).toBeLessThanOrEqual(prefetch ? 2 : 1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it.each(["items", "pages"] as const)("during the last of the %s rejects with the signal's reason", async (kind) => {
    const controller = new AbortController();
    const { hubspot } = await api(json({ results: [1] }));
    const contacts = hubspot.paginate(CONTACTS, { prefetch, signal: controller.signal });
    const run = async (): Promise<void> => {
      for await (const each of kind === "items" ? contacts : contacts.pages()) controller.abort(each === undefined ? undefined : reason);
    };
    expect(await rejection(run())).toBe(reason);
  });

  it("while a page is under way rejects with the signal's reason", async () => {
    const controller = new AbortController();
    const { hubspot } = await api(inTurn(json({ results: [1], paging: { next: { after: "a" } } }), () => controller.abort(reason)));
    expect(await rejection(itemsOf(hubspot.paginate(CONTACTS, { prefetch, signal: controller.signal })))).toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("while the schema is waited for rejects with the signal's reason", async () => {
    const controller = new AbortController();
    const { hubspot } = await api(json({ results: [1] }));
    const schema = z.number().refine(() => {
      controller.abort(reason);
      return new Promise<boolean>(() => undefined);
    });
    const options = { prefetch, signal: controller.signal, schema };
    expect(await rejection(itemsOf(hubspot.paginate(CONTACTS, options)))).toBe(reason);
  });
});

it("the deadline is each page's, not the whole's", async () => {
  const call: PageCall = ({ timeoutMs }) =>
    Promise.resolve({ results: [timeoutMs], paging: timeouts-- > 0 ? { next: { after: timeouts } } : null });
  let timeouts = 2;
  expect(await itemsOf(paginate(call, CONTACTS, { timeoutMs: 40 }))).toEqual([40, 40, 40]);
});
