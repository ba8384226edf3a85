/** The four clients that the Redis stores are for, each connected to a server or a cluster, and closed when asked. */
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis";
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis-6";
import { createClient as createClient6, createClientPool as createClientPool6, createCluster as createCluster6, RESP_TYPES } from "redis";
import { createClient as createClient5, createClientPool as createClientPool5, createCluster as createCluster5 } from "redis-5";
import type { RedisClient } from "../../../src/stores/redis.js";

/** A client of the application, and how the application closes it. */
export interface OpenClient {
  readonly client: RedisClient;
  readonly close: () => Promise<void>;
}

const { BLOB_STRING, NUMBER } = RESP_TYPES;

/** How a client behaves without a connection. */
export interface Patience {
  /** As the drivers are by default: commands wait for a connection, and ioredis repeats those whose answer it lost. @default false */
  readonly patient?: boolean;
}

const ioredisOptions = ({ patient = false }: Patience = {}) =>
  ({
    host: "127.0.0.1",
    retryStrategy: () => 20,
    ...(!patient && { enableOfflineQueue: false, maxRetriesPerRequest: 0 }),
  }) as const;
const nodeRedisOptions = (port: number, { patient = false }: Patience = {}) =>
  ({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: !patient, socket: { reconnectStrategy: 20 } }) as const;

/** What the drivers report on the side is what the calls reject with as well. */
function quiet<Client extends { on(event: "error", listener: () => void): unknown }>(client: Client): Client {
  client.on("error", () => undefined);
  return client;
}

interface IoredisConnection {
  readonly status: string;
  once(event: "ready", listener: () => void): unknown;
  disconnect(): void;
}

async function openIoredis<Client extends RedisClient & IoredisConnection>(client: Client): Promise<OpenClient> {
  if (client.status !== "ready") await new Promise<void>((resolve) => void client.once("ready", resolve));
  return { client, close: async () => client.disconnect() };
}

interface NodeRedisConnection {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
}

async function openNodeRedis<Client extends RedisClient & NodeRedisConnection>(client: Client): Promise<OpenClient> {
  await client.connect();
  return {
    client,
    async close() {
      if (client.isOpen) client.destroy();
    },
  };
}

/** A prefix of the application, with characters that mean something in a pattern. */
const keyPrefix = "app[1]*?:";

/** One of each driver and major version, on one server. */
export const plainClients: Readonly<Record<string, (port: number, patience?: Patience) => Promise<OpenClient>>> = {
  "ioredis 5": (port, patience) => openIoredis(quiet(new Redis5({ ...ioredisOptions(patience), port }))),
  "ioredis 6": (port, patience) => openIoredis(quiet(new Redis6({ ...ioredisOptions(patience), port }))),
  "node-redis 5": (port, patience) => openNodeRedis(quiet(createClient5(nodeRedisOptions(port, patience)))),
  "node-redis 6": (port, patience) => openNodeRedis(quiet(createClient6(nodeRedisOptions(port, patience)))),
};

const buffers = { [BLOB_STRING]: Buffer };

/** Each way to reach one server, with settings for other uses that must not matter here. */
export const singleClients: Readonly<Record<string, (port: number) => Promise<OpenClient>>> = {
  ...plainClients,
  "node-redis 5 pool": (port) => openNodeRedis(quiet(createClientPool5(nodeRedisOptions(port)))),
  "node-redis 6 pool": (port) => openNodeRedis(quiet(createClientPool6(nodeRedisOptions(port)))),
  "ioredis 5 with auto-pipelining, a key prefix and numbers as strings": (port) =>
    openIoredis(quiet(new Redis5({ ...ioredisOptions(), port, enableAutoPipelining: true, keyPrefix, stringNumbers: true }))),
  "ioredis 6 with auto-pipelining, a key prefix and RESP 3": (port) =>
    openIoredis(quiet(new Redis6({ ...ioredisOptions(), port, enableAutoPipelining: true, keyPrefix, protocol: 3 }))),
  "node-redis 5 with RESP 3 and Buffers": (port) =>
    openNodeRedis(quiet(createClient5({ ...nodeRedisOptions(port), RESP: 3, commandOptions: { typeMapping: buffers } }))),
  "node-redis 6 with RESP 2, Buffers and numbers as strings": (port) => {
    const typeMapping = { ...buffers, [NUMBER]: String };
    return openNodeRedis(quiet(createClient6({ ...nodeRedisOptions(port), RESP: 2, commandOptions: { typeMapping } })));
  },
};

const rootNodes = (ports: readonly number[]) => ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
const startupNodes = (ports: readonly number[]) => ports.map((port) => ({ host: "127.0.0.1", port }));

/** While the cluster is down, ioredis asks again, by default for longer than a test should take. */
const clusterOptions = { maxRedirections: 3, retryDelayOnClusterDown: 10 } as const;

/** Each way to reach a cluster. */
export const clusterClients: Readonly<Record<string, (ports: readonly number[]) => Promise<OpenClient>>> = {
  "ioredis 5 Cluster": (ports) => openIoredis(quiet(new Cluster5(startupNodes(ports), clusterOptions))),
  "ioredis 6 Cluster": (ports) => openIoredis(quiet(new Cluster6(startupNodes(ports), clusterOptions))),
  "node-redis 5 cluster": (ports) => openNodeRedis(quiet(createCluster5({ rootNodes: rootNodes(ports) }))),
  "node-redis 6 cluster": (ports) => openNodeRedis(quiet(createCluster6({ rootNodes: rootNodes(ports) }))),
  "ioredis 6 Cluster with auto-pipelining and a key prefix": (ports) =>
    openIoredis(quiet(new Cluster6(startupNodes(ports), { ...clusterOptions, enableAutoPipelining: true, keyPrefix }))),
};

/** Those that send reads to replicas, if one lets them. */
export const replicaReaders: Readonly<Record<string, (ports: readonly number[]) => Promise<OpenClient>>> = {
  "ioredis 5 Cluster": (ports) => openIoredis(quiet(new Cluster5(startupNodes(ports), { scaleReads: "slave" }))),
  "ioredis 6 Cluster": (ports) =>
    openIoredis(quiet(new Cluster6(startupNodes(ports), { scaleReads: "slave", enableAutoPipelining: true, keyPrefix }))),
  "node-redis 5 cluster": (ports) => openNodeRedis(quiet(createCluster5({ rootNodes: rootNodes(ports), useReplicas: true }))),
  "node-redis 6 cluster": (ports) => openNodeRedis(quiet(createCluster6({ rootNodes: rootNodes(ports), useReplicas: true }))),
};
