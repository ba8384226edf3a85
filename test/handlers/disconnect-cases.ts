/** Cases of the handlers' contract: the customer leaves. */
import { expect } from "vitest";
import type { HandlerCase, HandlerWorld } from "./contract.js";

const FORM = "/hubspot/disconnect?account=24681012";

async function connected({ alice, walk }: HandlerWorld): Promise<void> {
  expect((await alice.visit(await walk(alice))).status).toBe(303);
}

export const disconnectCases: readonly HandlerCase[] = [
  {
    name: "a form of the application disconnects: revoked, deleted, and back",
    run: async (world) => {
      await connected(world);
      const { status, location } = await world.alice.submit(`${FORM}&return_to=/settings`);
      expect([status, location, await world.store.get("24681012")]).toEqual([303, "/settings", undefined]);
      expect(world.emulator.count("revoke")).toBe(1);
      // The application had its say while the record was there and the grant alive.
      expect(world.leaving).toEqual([{ accountId: "24681012", by: "alice", status: "active", revocations: 0 }]);
    },
  },
  {
    name: "a script that asks for JSON is told what happened",
    options: { disconnect: { revoke: false, uninstall: true } },
    run: async (world) => {
      await connected(world);
      const headers = { accept: "application/json", "content-type": "application/json", "sec-fetch-site": "same-origin" };
      const { status, text } = await world.alice.visit(FORM, { method: "POST", headers, body: "{}" });
      expect(status).toBe(200);
      expect(JSON.parse(text)).toEqual({ disconnected: true, revoked: false, uninstalled: true, complete: true });
      expect([world.emulator.count("revoke"), world.emulator.count("uninstall")]).toEqual([0, 1]);
    },
  },
  {
    name: "only POST disconnects",
    run: async (world) => {
      await connected(world);
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const { status, headers } = await world.alice.visit(FORM, { method });
        expect([status, headers.get("allow")]).toEqual([405, "POST"]);
      }
      expect(await world.store.get("24681012")).toBeDefined();
    },
  },
  {
    name: "a forged form of another site or sub-domain disconnects nothing",
    run: async (world) => {
      await connected(world);
      const forged: readonly Readonly<Record<string, string>>[] = [
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "", origin: "https://evil.example" },
        { "sec-fetch-site": "", origin: "null" },
        { "sec-fetch-site": "", origin: "http://localhost:1" },
      ];
      for (const headers of forged) expect((await world.alice.submit(FORM, headers)).status, JSON.stringify(headers)).toBe(403);
      expect(world.failures.map(({ code }) => code)).toEqual(forged.map(() => "cross_site"));
      expect(await world.store.get("24681012")).toBeDefined();
      expect(world.emulator.count("revoke")).toBe(0);
      expect((await world.alice.submit(FORM, { "sec-fetch-site": "" })).status, "an old browser, by its Origin").toBe(303);
    },
  },
  {
    name: "nobody disconnects an account that is not theirs, and who is not signed in none at all",
    run: async (world) => {
      await connected(world);
      world.sessions.set("mallory", { accountIds: [] });
      expect((await world.browser({ sid: "mallory" }).submit(FORM)).status).toBe(403);
      expect((await world.browser({}).submit(FORM)).status).toBe(401);
      for (const query of ["", "?account=", "?account=24681012&account=24681012", "?account=1357"])
        expect((await world.alice.submit(`/hubspot/disconnect${query}`)).status, query).toBe(403);
      expect(await world.store.get("24681012")).toBeDefined();
    },
  },
  {
    name: "disconnect is honest when HubSpot is down: gone here, and not there",
    run: async (world) => {
      await connected(world);
      world.emulator.respondOnce("revoke", { status: 503 });
      const { status, text, links } = await world.alice.submit(`${FORM}&return_to=/settings`);
      expect([status, links]).toEqual([200, ["/settings"]]);
      expect(text).toContain("HubSpot could not be told");
      expect(await world.store.get("24681012")).toBeUndefined();
      await connected(world);
      await world.emulator.close();
      const json = await world.alice.submit(FORM, { accept: "application/json" });
      expect(JSON.parse(json.text)).toEqual({ disconnected: true, revoked: false, uninstalled: false, complete: false });
    },
  },
  {
    name: "a store that cannot delete: 503, still connected, and a later try works",
    run: async (world) => {
      await connected(world);
      world.store.next("delete", () => Promise.reject(new Error("CANARY")));
      const { status, text } = await world.alice.submit(FORM);
      expect(status).toBe(503);
      expect(text).toContain("Still connected");
      expect(text).not.toContain("CANARY");
      expect((await world.alice.submit(FORM)).status).toBe(303);
      expect(await world.store.get("24681012")).toBeUndefined();
    },
  },
  {
    name: "beforeDisconnect fails: that is the first of the errors, and the account is disconnected all the same",
    options: {
      beforeDisconnect: () => {
        throw new Error("CANARY");
      },
      onDisconnected: ({ errors, revoked }) => `/gone?${errors[0]?.message}&${errors.length}&${revoked}`,
    },
    run: async (world) => {
      await connected(world);
      expect((await world.alice.submit(FORM)).location).toBe("/gone?CANARY&1&true");
      expect(await world.store.get("24681012")).toBeUndefined();
      await connected(world);
      world.emulator.respondOnce("revoke", { status: 503 });
      expect((await world.alice.submit(FORM)).location).toBe("/gone?CANARY&2&false");
    },
  },
  {
    name: "beforeDisconnect throws something that is no error: it is the cause of one",
    options: {
      beforeDisconnect: async () => {
        throw "CANARY";
      },
      onDisconnected: ({ errors: [error] }) => `/gone?${error instanceof Error}&${String(error?.cause)}`,
    },
    run: async (world) => {
      await connected(world);
      expect((await world.alice.submit(FORM)).location).toBe("/gone?true&CANARY");
    },
  },
  {
    name: "onDisconnected learns the account and what HubSpot did not do, and says where to go",
    options: { onDisconnected: ({ accountId, revoked, errors }) => `/gone?${accountId}&${revoked}&${errors.length}` },
    run: async (world) => {
      await connected(world);
      world.emulator.respondOnce("revoke", { status: 503 });
      expect((await world.alice.submit(FORM)).location).toBe("/gone?24681012&false&1");
    },
  },
  {
    name: "onDisconnected fails: the page says what happened, and disconnecting again runs it again",
    options: {
      onDisconnected: () => {
        throw new Error("CANARY");
      },
    },
    run: async (world) => {
      await connected(world);
      for (let turn = 1; turn <= 2; turn += 1) {
        const { status, text } = await world.alice.submit(FORM);
        expect(status).toBe(500);
        expect(text).toContain("HubSpot is disconnected, but this app could not finish");
        expect(text).not.toContain("CANARY");
        expect(world.failures).toHaveLength(turn);
        expect(await world.store.get("24681012")).toBeUndefined();
      }
    },
  },
];
