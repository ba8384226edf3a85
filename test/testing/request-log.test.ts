/** What tests see of the traffic, and how they interfere with it. */

import { describe, expect, test } from "vitest";
import { HubSpotEmulator } from "../../src/testing/index.js";
import { call, client, connect, refresh, send, start } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";

describe("the log", () => {
  test("tells route, form, JSON, query, headers, account and status, secrets included", async () => {
    const emulator = await start({ now: () => 1_800_000_000_000 });
    const { access_token, refresh_token } = await connect(emulator);
    emulator.clearRequests();
    emulator.advance(5);
    await refresh(emulator, refresh_token);
    const body = JSON.stringify({ properties: {} });
    await call(emulator, `${CONTACTS}?a=1&a=2`, access_token, { method: "POST", body, headers: { "Content-Type": "application/json" } });
    expect(emulator.requests).toMatchObject([
      {
        method: "POST",
        path: "/oauth/2026-09/token",
        route: "token",
        form: { grant_type: "refresh_token", refresh_token, ...client(emulator) },
        json: undefined,
        hubId: 24681012,
        atMs: 1_800_000_000_005,
        status: 200,
      },
      {
        method: "POST",
        path: CONTACTS,
        url: `${CONTACTS}?a=1&a=2`,
        query: { a: "1" },
        headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
        route: "objects-create",
        form: undefined,
        json: { properties: {} },
        body,
        hubId: 24681012,
        status: 403,
      },
    ]);
  });

  test("a watcher hears of each request when it arrives and when it was answered or dropped, until it has enough", async () => {
    const emulator = await start();
    const heard: string[] = [];
    const enough = emulator.watchRequests(({ id, path, status, durationMs }) => {
      heard.push(`${id} ${path} ${durationMs === undefined ? "arrived" : String(status)}`);
    });
    await send(`${emulator.origin}/a`);
    emulator.clearRequests();
    emulator.respondOnce("unknown", { destroy: true });
    await expect(send(`${emulator.origin}/b`)).rejects.toThrow("fetch failed");
    enough();
    await send(`${emulator.origin}/c`);
    expect(heard).toEqual(["1 /a arrived", "1 /a 404", "2 /b arrived", "2 /b undefined"]);
    expect(emulator.requests.map(({ id, durationMs }) => [id, typeof durationMs])).toEqual([
      [2, "number"],
      [3, "number"],
    ]);
  });

  test("count takes a route, a set of conditions or a function", async () => {
    const emulator = await start();
    const { refresh_token } = await connect(emulator);
    await refresh(emulator, refresh_token);
    await send(`${emulator.origin}/nowhere`);
    expect(emulator.count()).toBe(3);
    expect(emulator.count("token")).toBe(2);
    expect(emulator.count("unknown")).toBe(1);
    expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(1);
    expect(emulator.count({ path: /token$/u, method: "post", hubId: "24681012" })).toBe(2);
    expect(emulator.count({ path: "/nowhere" })).toBe(1);
    expect(emulator.count((request) => request.status === 404)).toBe(1);
    emulator.clearRequests();
    expect(emulator.count()).toBe(0);
  });

  test("a hapikey, a code and a consent's account are told apart too", async () => {
    const emulator = await start();
    await connect(emulator, {}, { hubId: 135791113 });
    expect(emulator.requests.at(-1)).toMatchObject({ route: "token", hubId: 135791113 });
  });
});

describe("respondOnce", () => {
  test("replaces one matching answer and leaves the others alone", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    emulator.respondOnce("objects-list", { status: 429, headers: { "Retry-After": "7" }, body: { errorType: "RATE_LIMIT" } });
    expect((await call(emulator, "/account-info/v3/details", access_token)).status).toBe(200);
    const limited = await call(emulator, CONTACTS, access_token);
    expect(limited).toMatchObject({ status: 429, body: { errorType: "RATE_LIMIT" } });
    expect(limited.headers.get("retry-after")).toBe("7");
    expect((await call(emulator, CONTACTS, access_token)).status).toBe(200);
    expect(emulator.requests.filter(({ route }) => route === "objects-list").map(({ status }) => status)).toEqual([429, 200]);
  });

  test("a replaced operation is not carried out", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const { refresh_token } = await connect(emulator);
    emulator.respondOnce("token", { status: 503, body: "upstream" });
    expect(await refresh(emulator, refresh_token)).toMatchObject({ status: 503, text: "upstream" });
    expect((await refresh(emulator, refresh_token)).status).toBe(200);
  });

  test("a gate holds the answer back, after the operation was carried out", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const { refresh_token } = await connect(emulator);
    let open: (value?: unknown) => void = () => {};
    const until = new Promise((resolve) => (open = resolve));
    const held = emulator.respondOnce({ grantType: "refresh_token" }, { until });
    let answered = false;
    const answer = refresh(emulator, refresh_token).finally(() => (answered = true));
    const request = await held.arrived;
    expect(request.status).toBeUndefined();
    expect(emulator.grants[0]?.refreshToken).not.toBe(refresh_token);
    await send(`${emulator.origin}/nowhere`);
    expect(answered).toBe(false);
    open();
    expect((await answer).status).toBe(200);
    expect(request.status).toBe(200);
  });

  test("a lost answer: the operation is carried out and the connection dropped", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const { refresh_token } = await connect(emulator);
    emulator.respondOnce("token", { destroy: true, process: true });
    await expect(refresh(emulator, refresh_token)).rejects.toThrow("fetch failed");
    expect(emulator.requests.at(-1)?.status).toBeUndefined();
    expect((await refresh(emulator, refresh_token)).body["status"]).toBe("BAD_REFRESH_TOKEN");
  });

  test("a dropped request is not carried out unless told so; a rejected gate opens as well", async () => {
    const emulator = await start({ refreshTokenRotation: "strict" });
    const { refresh_token } = await connect(emulator);
    emulator.respondOnce("token", { destroy: true, until: Promise.reject(new Error("gate")) });
    await expect(refresh(emulator, refresh_token)).rejects.toThrow("fetch failed");
    expect((await refresh(emulator, refresh_token)).status).toBe(200);
  });

  test("several wait in line; one that was cancelled is skipped", async () => {
    const emulator = await start();
    emulator.respondOnce("unknown", { status: 501 });
    const cancelled = emulator.respondOnce("unknown", { status: 502 });
    emulator.respondOnce("unknown", { headers: { "X-Extra": "1" } });
    cancelled.cancel();
    const statuses = [await send(`${emulator.origin}/x`), await send(`${emulator.origin}/x`)];
    expect(statuses.map(({ status }) => status)).toEqual([501, 404]);
    expect(statuses[1]?.headers.get("x-extra")).toBe("1");
    expect(statuses[1]?.body).toMatchObject({ status: "error" });
  });
});

describe("without a transport", () => {
  test("handle() answers a plain request object, with links on the origin it was asked under", async () => {
    const emulator = new HubSpotEmulator();
    const token = emulator.accounts[0]?.privateApps[0]?.token;
    const url = "https://api.hubapi.com/crm/v3/objects/contacts?limit=1";
    const answer = await emulator.handle({ method: "get", url, headers: { Authorization: [`Bearer ${token}`] } });
    expect(answer.status).toBe(200);
    expect(JSON.parse(String(answer.body))).toMatchObject({ paging: { next: { link: `${url}&after=102` } } });
    const body = new TextEncoder().encode("grant_type=nonsense");
    const headers = { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" };
    expect((await emulator.handle({ method: "POST", url: "/oauth/v3/token", headers, body })).status).toBe(400);
    expect(emulator.count()).toBe(2);
  });

  test("a hook that throws is a 500 that says so", async () => {
    const emulator = await start({
      tokenResponse: () => {
        throw new Error("broken hook");
      },
    });
    const body = await connect(emulator);
    expect(body["message"]).toContain("broken hook");
  });
});
