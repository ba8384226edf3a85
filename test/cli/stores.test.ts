/** The program over each store that it can address, with encryption, and over one that only a configuration in JavaScript can give. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { everyBackend } from "../processes/support/backends.js";
import { createCliWorld, keysVariable, newKey } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";
import { openSharedStore } from "./support/shared-store.js";

const cli = installCli();
const HARBOUR = 24681012;
const NORDLICHT = 135791113;

describe.each(everyBackend())("on %s, encrypted", (_, address) => {
  it("lists, refreshes, changes the key, and goes on with the new one alone", async () => {
    const [before, after] = [newKey("2026-01"), newKey("2026-11")];
    const world = await createCliWorld(cli, { store: await openSharedStore(address()), keys: [before] });
    const id = await world.connect(HARBOUR);
    await world.connect(NORDLICHT);
    expect(JSON.parse((await world.run(["accounts", "--json"])).stdout)).toHaveLength(2);

    const rotated = await world.run(["rotate-keys"], { env: { HUBSPOT_OAUTH_KEYS: keysVariable([after, before]) } });
    expect(rotated).toMatchObject({ status: 0, stdout: "2 sealed anew, 0 were under the first key, 0 could not be opened.\n" });

    const alone = { HUBSPOT_OAUTH_KEYS: keysVariable([after]) };
    const [refreshed, again, lost, untouched] = await Promise.all([
      world.run(["refresh", id], { env: alone }),
      world.run(["rotate-keys", "--json"], { env: alone }),
      world.run(["refresh", id]),
      world.run(["rotate-keys", "--json"]),
    ]);
    expect(refreshed.status).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual({ rotated: 0, current: 2, failed: [] });
    expect(lost).toMatchObject({
      status: 6,
      stderr: expect.stringContaining(`sealed with the key "2026-11", which is not among the keys`),
    });
    expect(untouched.status).toBe(6);
    expect(JSON.parse(untouched.stdout)).toMatchObject({ rotated: 0, current: 0, failed: [{}, {}] });
  });
});

describe("rotate-keys", () => {
  it("seals plain records when it is told to, and names them when it is not", async () => {
    const key = newKey("first");
    const world = await createCliWorld(cli);
    await world.connect(HARBOUR);
    const env = { HUBSPOT_OAUTH_KEYS: keysVariable([key]) };
    expect(await world.run(["rotate-keys"], { env })).toMatchObject({ status: 6, stderr: expect.stringContaining("is in plain text") });
    expect((await world.run(["rotate-keys", "--migrate-plaintext"], { env })).stdout).toContain("1 sealed anew");
    expect((await world.run(["accounts", "--json"], { env })).stdout).toContain("24681012");
  });

  it("says that there are no keys", async () => {
    const world = await createCliWorld(cli);
    expect(await world.run(["rotate-keys"])).toMatchObject({ status: 3, stderr: expect.stringContaining("HUBSPOT_OAUTH_KEYS") });
  });
});

describe("a driver", () => {
  it("is the project's own: where it is not installed, the error says what to install", async () => {
    const world = await createCliWorld(cli);
    for (const name of ["ioredis", "pg"]) await rename(join(world.folder, "node_modules", name), join(world.folder, `no-${name}`));
    const postgres = await world.run(["accounts"], { env: { HUBSPOT_OAUTH_STORE: "postgres://u:c4n4ry-password@127.0.0.1:1/x" } });
    expect(postgres).toMatchObject({ status: 3, stderr: expect.stringContaining("npm install pg") });
    expect(postgres.stderr).not.toContain("c4n4ry-password");
    // node-redis does as well as ioredis.
    const redis = await world.run(["accounts"], { env: { HUBSPOT_OAUTH_STORE: "redis://:c4n4ry-password@127.0.0.1:1" } });
    expect(redis).toMatchObject({ status: 6, stderr: expect.stringContaining("Redis cannot be reached: ECONNREFUSED") });
    expect(redis.stderr).not.toContain("c4n4ry-password");
  });

  it.each(["redis://:c4n4ry-password@127.0.0.1:1", "postgres://u:c4n4ry-password@127.0.0.1:1/x"])(
    "that cannot connect is a failure of the store, told without the address: %s",
    async (address) => {
      const world = await createCliWorld(cli);
      const { status, stderr } = await world.run(["accounts"], { env: { HUBSPOT_OAUTH_STORE: address } });
      expect(status).toBe(6);
      expect(stderr).toMatch(/^error (?:Redis|Postgres)TokenStore could not list/);
      expect(stderr).not.toContain("c4n4ry-password");
    },
  );
});

describe("a configuration in JavaScript", () => {
  it("gives a store of the user's own, and is asked to close it", async () => {
    const world = await createCliWorld(cli, {
      files: {
        "hubspot-oauth.config.mjs": `
          import { FileTokenStore } from "hubspot-oauth/stores/file";
          const inner = new FileTokenStore({ directory: ".hubspot-oauth" });
          const held = setInterval(() => undefined, 1_000);
          export default {
            tokenStore: { get: (id) => inner.get(id), set: (...all) => inner.set(...all), delete: (...all) => inner.delete(...all), list: () => inner.list() },
            clientOptions: { timeoutMs: 5_000 },
            close: () => { clearInterval(held); console.error("closed"); },
          };`,
      },
    });
    await world.connect(HARBOUR);
    const { status, stdout, stderr } = await world.run(["accounts", "--json"], { env: { HUBSPOT_OAUTH_STORE: "" } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "closed\n" });
    expect(JSON.parse(stdout)).toHaveLength(1);
  });

  it("gives a whole client, and what it left open does not hold the program", async () => {
    const world = await createCliWorld(cli, {
      files: {
        "own.mjs": `
          import { HubSpotOAuthClient } from "hubspot-oauth";
          import { FileTokenStore } from "hubspot-oauth/stores/file";
          setInterval(() => undefined, 1_000);
          export default { oauth: HubSpotOAuthClient.fromEnv({ tokenStore: new FileTokenStore({ directory: ".hubspot-oauth" }), apiVersion: "2026-09" }) };`,
      },
    });
    const id = await world.connect(HARBOUR);
    expect((await world.run(["refresh", id, "--config", "own.mjs"])).status).toBe(0);
  });
});
