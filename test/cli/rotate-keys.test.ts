/**
 * EN-04 as processes: `rotate-keys` beside three applications that refresh all the time, on a server that rotates refresh tokens; killed
 * half-way, run again. No application sees an error, and every account still has the refresh token that HubSpot holds.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import type { StoredTokens } from "../../src/index.js";
import { EncryptedTokenStore } from "../../src/stores/encrypted.js";
import { BACKENDS } from "../processes/support/backends.js";
import { createCliWorld, keysVariable, newKey } from "./support/cli-world.js";
import { installCli } from "./support/installed-cli.js";
import { openSharedStore } from "./support/shared-store.js";

const cli = installCli();

const HUB_IDS = Array.from({ length: 40 }, (_, index) => 1_000 + index);
/** The applications use these; the others are changed by the rotation alone. */
const BUSY = HUB_IDS.slice(0, 20);
const HALTS_AFTER = 15;

/** The store of the environment, for programs in the project's folder. */
const STORE = `
  import { Redis } from "ioredis";
  import pg from "pg";
  import { RedisTokenStore } from "hubspot-oauth/stores/redis";
  import { PostgresTokenStore } from "hubspot-oauth/stores/postgres";
  const { HUBSPOT_OAUTH_STORE: address, HUBSPOT_OAUTH_NAMESPACE: namespace } = process.env;
  const client = address.startsWith("redis:") ? new Redis(address) : new pg.Pool({ connectionString: address, max: 2 });
  export const store = address.startsWith("redis:") ? new RedisTokenStore({ client, namespace }) : new PostgresTokenStore({ pool: client, namespace });
  export const close = () => (client.disconnect ?? client.end).call(client);
  export const keys = process.env.HUBSPOT_OAUTH_KEYS.split(" ").map((pair) => ({ id: pair.slice(0, pair.indexOf("=")), key: pair.slice(pair.indexOf("=") + 1) }));`;

/** An application: refreshes one account after the other until its input ends, and says how that went. */
const APPLICATION = `
  import { HubSpotOAuthClient } from "hubspot-oauth";
  import { EncryptedTokenStore } from "hubspot-oauth/stores/encrypted";
  import { close, keys, store } from "./store.mjs";
  const oauth = HubSpotOAuthClient.fromEnv({ tokenStore: new EncryptedTokenStore({ store, keys }), apiVersion: "2026-09", cacheMs: 0 });
  let running = true;
  process.stdin.on("end", () => (running = false)).resume();
  const errors = [];
  let calls = 0;
  for (let turn = Number(process.argv[2]); running; turn++) {
    const id = String(${BUSY[0]} + (turn * 7) % ${BUSY.length});
    await oauth.getAccessToken(id, { force: true }).catch((error) => errors.push(error.code ?? String(error)));
    if (++calls === 1) console.log("running");
  }
  await oauth.close();
  await close();
  console.log(JSON.stringify({ calls, errors }));`;

/**
 * A configuration whose store lets an application refresh an account between the rotation's read and its write, for the first ones, and stands
 * still after so many writes, as a process that is killed there leaves it.
 */
const HALTING = `
  import { EncryptedTokenStore } from "hubspot-oauth/stores/encrypted";
  import { keys, store } from "./store.mjs";
  let writes = 0;
  const outrun = new Set();
  const halting = {
    get: (id) => store.get(id),
    list: () => store.list(),
    delete: () => { throw new Error("nothing is deleted"); },
    set: async (...all) => {
      const [id, row] = all;
      if (${JSON.stringify(BUSY)}.includes(Number(id)) && outrun.size < 3 && !outrun.has(id)) {
        outrun.add(id);
        while ((await store.get(id)).version === row.version);
      }
      if (writes++ < ${HALTS_AFTER}) return store.set(...all);
      console.error("halted, outrun " + outrun.size + " times");
      return new Promise(() => undefined);
    },
  };
  export default { tokenStore: new EncryptedTokenStore({ store: halting, keys }) };`;

interface Application {
  /** Resolves when it has made its first call. */
  readonly running: Promise<unknown>;
  end(): Promise<{ readonly calls: number; readonly errors: readonly string[] }>;
}

function startApplication(cwd: string, env: Readonly<Record<string, string>>, number: number): Application {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|JEST_|NODE_|HUBSPOT_|TEST$)/.test(name));
  const child = spawn(process.execPath, ["application.mjs", String(number)], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const closed = once(child, "close");
  return {
    running: once(child.stdout, "data"),
    end: async () => {
      child.stdin.end();
      await closed;
      return JSON.parse(output.slice(output.indexOf("{"))) as { calls: number; errors: string[] };
    },
  };
}

function keyIdOf(row: StoredTokens | undefined): unknown {
  const { sealed } = row as unknown as { readonly sealed: string };
  return (JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString()) as { readonly kid: unknown }).kid;
}

describe.each(BACKENDS)("rotate-keys on %s", (_, address) => {
  it("beside three live processes, killed half-way and resumed: no error, and no token is lost", async () => {
    const [before, after] = [newKey("before"), newKey("after")];
    const shared = await openSharedStore(address());
    const inner = shared.tokenStore;
    const world = await createCliWorld(cli, {
      store: shared,
      keys: [before],
      emulator: {
        refreshTokenRotation: "strict",
        accounts: HUB_IDS.map((hubId) => ({ hubId, contacts: 0, companies: 0, deals: 0, engagements: 0 })),
      },
      files: { "store.mjs": STORE, "application.mjs": APPLICATION, "halting.config.mjs": HALTING },
    });
    for (const hubId of HUB_IDS) await world.connect(hubId);
    const keyIds = () => Promise.all(HUB_IDS.map(async (hubId) => keyIdOf(await inner.get(String(hubId)))));
    expect(new Set(await keyIds())).toEqual(new Set(["before"]));

    // Three applications, before and after the deployment that puts the new key in front.
    const startThree = async (keys: string): Promise<Application[]> => {
      const three = [0, 1, 2].map((number) => startApplication(world.folder, { ...world.env, HUBSPOT_OAUTH_KEYS: keys }, number));
      await Promise.all(three.map(({ running }) => running));
      return three;
    };
    const endThree = async (three: readonly Application[]): Promise<void> => {
      for (const { calls, errors } of await Promise.all(three.map((application) => application.end()))) {
        expect(errors).toEqual([]);
        expect(calls).toBeGreaterThan(0);
      }
    };
    const env = { HUBSPOT_OAUTH_KEYS: keysVariable([after, before]) };

    const old = await startThree(keysVariable([before, after]));
    const killed = world.start(["rotate-keys", "--config", "halting.config.mjs"], { env });
    await killed.wrote(/halted, outrun 3 times/);
    killed.child.kill("SIGKILL");
    await killed.ended();
    await endThree(old);
    const half = await keyIds();
    expect(half.filter((id) => id === "before").length).toBeGreaterThanOrEqual(HUB_IDS.length - BUSY.length - HALTS_AFTER);

    const current = await startThree(keysVariable([after, before]));
    const resumed = await world.run(["rotate-keys", "--json"], { env });
    expect(resumed.status).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ rotated: expect.any(Number), failed: [] });
    await endThree(current);
    expect(new Set(await keyIds())).toEqual(new Set(["after"]));
    const withNewKey = new EncryptedTokenStore({ store: inner, keys: [after] });
    const held = new Map(world.emulator.grants.map(({ hubId, refreshToken }) => [String(hubId), refreshToken]));
    for (const hubId of HUB_IDS.map(String)) {
      const record = await withNewKey.get(hubId);
      expect([hubId, record?.status, record?.refreshToken === held.get(hubId)]).toEqual([hubId, "active", true]);
    }
  });
});
