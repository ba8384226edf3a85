/** A real Redis Cluster for one test file: masters on free ports of the loopback interface, with the slots shared out between them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "redis";
import { type RedisServer, startRedis } from "./redis.js";

const SLOTS = 16_384;
const LONGEST_WAIT_MS = 15_000;

/** One server of a cluster. */
export interface ClusterNode {
  readonly port: number;
  /** Its name in the cluster. */
  readonly id: string;
  /** Sends it a command, past any cluster client. */
  send(...command: string[]): Promise<unknown>;
}

/** A cluster that runs. */
export interface RedisCluster {
  readonly masters: readonly ClusterNode[];
  readonly ports: readonly number[];
  /** Starts one more server: without slots, or as the replica of a master. It is known to all when this resolves. */
  addNode(options?: { readonly replicaOf?: ClusterNode }): Promise<ClusterNode>;
  /** No server takes commands (CLUSTERDOWN), because a slot has no owner; until `bringUp`. */
  takeDown(): Promise<void>;
  bringUp(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a cluster of `masters` servers and waits until each of them takes writes. */
export async function startRedisCluster({ masters: count = 3 }: { readonly masters?: number } = {}): Promise<RedisCluster> {
  const directory = mkdtempSync(join(tmpdir(), "hubspot-oauth-redis-"));
  const clean = (): void => rmSync(directory, { recursive: true, force: true });
  process.once("exit", clean);
  const started: StartedNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((node) => node.stop()));
    clean();
    process.off("exit", clean);
  };
  const start = async (): Promise<StartedNode> => {
    const node = await startNode(directory, started.length);
    started.push(node);
    return node;
  };
  try {
    const masters: StartedNode[] = [];
    for (let index = 0; index < count; index++) {
      const node = await start();
      // Different from the start, so that no two of them have to settle whose word counts.
      await node.send("CLUSTER", "SET-CONFIG-EPOCH", `${index + 1}`);
      await node.send("CLUSTER", "ADDSLOTS", ...share(index, count));
      masters.push(node);
    }
    const [first] = masters;
    if (first === undefined) throw new TypeError("A cluster needs a master.");
    for (const node of masters.slice(1)) await meet(node, first);
    await settled(started);
    return {
      masters,
      ports: masters.map((node) => node.port),
      async addNode({ replicaOf } = {}) {
        const node = await start();
        await meet(node, first);
        await settled(started);
        if (replicaOf !== undefined) {
          await node.send("CLUSTER", "REPLICATE", replicaOf.id);
          await until("the replica is in step", async () =>
            `${String(await node.send("INFO", "replication"))}`.includes("master_link_status:up"),
          );
          for (const other of started) {
            await until("the replica is known", async () => JSON.stringify(await other.send("CLUSTER", "SLOTS")).includes(node.id));
          }
        }
        return node;
      },
      async takeDown() {
        await until("the cluster is down", async () => {
          // Again and again: what one server has just heard from another may bring the slot back.
          for (const node of started) await node.send("CLUSTER", "DELSLOTS", "0").catch(() => undefined);
          const infos = await Promise.all(started.map((node) => node.send("CLUSTER", "INFO")));
          return infos.every((info) => String(info).includes("cluster_state:fail"));
        });
      },
      async bringUp() {
        await first.send("CLUSTER", "ADDSLOTS", "0");
        await settled(started);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Begins to give a slot to another server, as a resharding does: commands about keys that are not there are sent on (ASK). */
export async function beginMove(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  await to.send("CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", from.id);
  await from.send("CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", to.id);
}

/** The other server owns the slot from now on; clients learn it when they ask the old owner (MOVED). */
export async function endMove(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  await to.send("CLUSTER", "SETSLOT", `${slot}`, "NODE", to.id);
  await from.send("CLUSTER", "SETSLOT", `${slot}`, "NODE", to.id);
}

/** Carries the keys of a slot over; it has to be migrating already. */
export async function moveKeys(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  const keys = (await from.send("CLUSTER", "GETKEYSINSLOT", `${slot}`, "10000")) as string[];
  if (keys.length > 0) await from.send("MIGRATE", "127.0.0.1", `${to.port}`, "", "0", "5000", "KEYS", ...keys);
}

interface StartedNode extends ClusterNode {
  stop(): Promise<void>;
}

async function startNode(directory: string, number: number): Promise<StartedNode> {
  const server = await startWithBus([
    ...["--dir", directory, "--cluster-enabled", "yes", "--cluster-config-file", `nodes-${number}.conf`, "--cluster-node-timeout", "2000"],
    ...["--repl-diskless-sync-delay", "0"],
  ]);
  const admin = createClient({ url: `redis://127.0.0.1:${server.port}` });
  admin.on("error", () => undefined);
  await admin.connect();
  const send = (...command: string[]): Promise<unknown> => admin.sendCommand(command);
  return {
    port: server.port,
    id: String(await send("CLUSTER", "MYID")),
    send,
    async stop() {
      admin.destroy();
      await server.stop();
    },
  };
}

/** The servers talk to each other on their port plus 10,000, which may be taken, or beyond the last port there is. */
async function startWithBus(args: readonly string[]): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startRedis({ args });
    } catch (error) {
      if (attempt === 4) throw error;
    }
  }
}

function share(index: number, count: number): string[] {
  const first = Math.floor((index * SLOTS) / count);
  const end = Math.floor(((index + 1) * SLOTS) / count);
  return Array.from({ length: end - first }, (_, offset) => `${first + offset}`);
}

async function meet(node: ClusterNode, other: ClusterNode): Promise<void> {
  await node.send("CLUSTER", "MEET", "127.0.0.1", `${other.port}`);
}

/** Until all know all, and each says that the cluster takes writes. */
async function settled(nodes: readonly ClusterNode[]): Promise<void> {
  for (const node of nodes) {
    await until("the cluster is up", async () => {
      const info = String(await node.send("CLUSTER", "INFO"));
      const known = String(await node.send("CLUSTER", "NODES"));
      return info.includes("cluster_state:ok") && nodes.every(({ id }) => / connected(?: |$)/.test(lineOf(known, id)));
    });
  }
}

function lineOf(nodes: unknown, id: string): string {
  return (
    String(nodes)
      .split("\n")
      .find((line) => line.startsWith(id)) ?? ""
  );
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LONGEST_WAIT_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited ${LONGEST_WAIT_MS} ms, and still not: ${what}.`);
    await delay(20);
  }
}
