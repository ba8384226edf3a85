/** The loopback server, the emulator's clock on the wire, its independence, and the register entry. */

import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { startHubSpotEmulator } from "../../src/testing/index.js";
import { call, connect, send, start } from "./support.js";

test("it listens on 127.0.0.1 only, on a free port each time", async () => {
  const one = await start();
  const two = await start();
  expect(one.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/u);
  expect(one.origin).not.toBe(two.origin);
});

test("a port that is taken rejects", async () => {
  const emulator = await start();
  await expect(startHubSpotEmulator({ port: Number(new URL(emulator.origin).port) })).rejects.toThrow("EADDRINUSE");
});

test("close() frees the port, drops open connections and may be called again", async () => {
  const emulator = await startHubSpotEmulator();
  const { origin } = emulator;
  await send(`${origin}/x`); // leaves a keep-alive connection behind
  emulator.respondOnce("unknown", { until: new Promise(() => {}) });
  const hanging = send(`${origin}/y`).catch((error: unknown) => error);
  await vi.waitFor(() => expect(emulator.count("unknown")).toBe(2));
  await emulator.close();
  await emulator.close();
  expect(await hanging).toBeInstanceOf(Error);
  await expect(send(`${origin}/z`)).rejects.toThrow("fetch failed");
  const other = createServer();
  onTestFinished(() => void other.close());
  await new Promise<void>((resolve) => other.listen(Number(new URL(origin).port), "127.0.0.1", resolve));
});

test("close() leaves no listening handle, and neither does a start that fails", async () => {
  const listening = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
  // Node drops a closed handle one turn late, so the servers of the tests before this one go first.
  await vi.waitFor(() => expect(listening()).toBe(0));
  const emulator = await startHubSpotEmulator();
  expect(listening()).toBe(1);
  await emulator[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(listening()).toBe(0));
  await expect(startHubSpotEmulator({ apps: [] })).rejects.toThrow(TypeError);
  await vi.waitFor(() => expect(listening()).toBe(0));
});

test("the Date header follows the emulator's clock, and an override may lie about it", async () => {
  const emulator = await start({ now: () => Date.UTC(2030, 0, 1) });
  expect((await send(`${emulator.origin}/x`)).headers.get("date")).toBe("Tue, 01 Jan 2030 00:00:00 GMT");
  emulator.advance(3_600_000);
  expect(emulator.now()).toBe(Date.UTC(2030, 0, 1, 1));
  expect((await send(`${emulator.origin}/x`)).headers.get("date")).toBe("Tue, 01 Jan 2030 01:00:00 GMT");
  emulator.respondOnce("unknown", { headers: { Date: "Wed, 02 Jan 2030 00:00:00 GMT" } });
  expect((await send(`${emulator.origin}/x`)).headers.get("date")).toBe("Wed, 02 Jan 2030 00:00:00 GMT");
});

test("the default clock is the real one, and advance() adds to it", async () => {
  const emulator = await start();
  expect(Math.abs(emulator.now() - Date.now())).toBeLessThan(5000);
  const { access_token } = await connect(emulator);
  emulator.advance(1_800_000);
  expect((await call(emulator, "/crm/v3/objects/contacts", access_token)).body["category"]).toBe("EXPIRED_AUTHENTICATION");
});

test.each(["{}", `{"name":"Zoë"}`])("headers and body arrive as they were sent, each in its own encoding: %s", async (body) => {
  const emulator = await start();
  emulator.respondOnce("unknown", { status: 200, headers: { "x-odd": "a\u009b\u00e9" }, body });
  const answer = await send(`${emulator.origin}/x`);
  expect(answer.headers.get("x-odd")).toBe("a\u009b\u00e9");
  expect(answer.text).toBe(body);
});

test("every answer has a correlation id of its own", async () => {
  const emulator = await start();
  const ids = await Promise.all([1, 2].map(async () => (await send(`${emulator.origin}/x`)).headers.get("x-hubspot-correlation-id")));
  expect(new Set(ids).size).toBe(2);
});

test("the emulator imports nothing but node and its own folder", () => {
  const folder = new URL("../../src/testing/emulator/", import.meta.url);
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const source = readFileSync(new URL(file, folder), "utf8");
    const specifiers = [...source.matchAll(/^(?:import|export)\b(?:[^"';]*?\bfrom)?\s*["'](?<name>[^"']+)["']/gmu)].map(
      (found) => found.groups?.["name"],
    );
    const own = (name = ""): boolean => name.startsWith(".") && new URL(name, new URL(file, folder)).href.startsWith(folder.href);
    const foreign = specifiers.filter((name) => !own(name) && name?.startsWith("node:") !== true);
    expect({ file, foreign }).toEqual({ file, foreign: [] });
    expect(source.split("\n").length).toBeLessThanOrEqual(400);
  }
});

test("nothing else in src but the command line imports the testing folder", () => {
  const src = new URL("../../src/", import.meta.url);
  const files = readdirSync(src, { recursive: true }).map(String);
  const others = files.filter((name) => name.endsWith(".ts") && !/^(?:testing|cli)\b/u.test(name));
  const importing = others.filter((file) => /from ["'][./]+testing\//u.test(readFileSync(new URL(file, src), "utf8")));
  expect(importing).toEqual([]);
});

test("register makes the library call whatever the global fetch is at that moment", async () => {
  const key = Symbol.for("hubspot-oauth.fetch");
  const globals = globalThis as unknown as Record<symbol, typeof fetch | undefined>;
  onTestFinished(() => void Reflect.deleteProperty(globals, key));
  expect(globals[key]).toBeUndefined();
  await import("../../src/testing/register.js");
  const later = vi.fn<typeof fetch>(async () => Promise.resolve(new Response("stubbed")));
  vi.stubGlobal("fetch", later);
  const response = await globals[key]?.("https://api.hubapi.com/x", { method: "POST" });
  expect(await response?.text()).toBe("stubbed");
  expect(later).toHaveBeenCalledWith("https://api.hubapi.com/x", { method: "POST" });
});
