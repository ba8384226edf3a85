/**
 * What the Redis stores need of a Redis client, and the same few calls over each of them: ioredis and node-redis, one server or a cluster.
 * The client is the application's own: nothing here connects it, configures it or closes it, and no driver is imported, not even its types.
 * Errors pass as the driver made them; they hold arguments, so callers reduce them (`redis-errors.ts`).
 */
import { createHash } from "node:crypto";

/** What is used of an ioredis client. */
export interface IoredisClient {
  call(command: string, args: string[]): Promise<unknown>;
  readonly options: object;
}

/** What is used of an ioredis `Cluster`. */
export interface IoredisCluster extends IoredisClient {
  readonly isCluster: boolean;
  nodes(role: "master"): readonly Pick<IoredisClient, "call">[];
}

/** What is used of a node-redis client or pool. */
export interface NodeRedisClient {
  sendCommand(args: string[], options?: NodeRedisCommandOptions): Promise<unknown>;
  readonly isOpen: boolean;
}

/** What is used of a node-redis cluster. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string, isReadonly: boolean, args: string[], options?: NodeRedisCommandOptions): Promise<unknown>;
  readonly isOpen: boolean;
  readonly masters: readonly object[];
  nodeClient(node: never): Promise<Pick<NodeRedisClient, "sendCommand">>;
}

interface NodeRedisCommandOptions {
  readonly typeMapping: Readonly<Record<never, never>>;
}

/** A client of ioredis 5 or 6 (`Redis` or `Cluster`) or of node-redis 5 or 6 (`createClient`, `createClientPool` or `createCluster`). */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster;

/** A Lua script and the hash that a server knows it by. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** Sends a command to one server, as it is. */
export type RedisNode = (name: string, ...args: string[]) => Promise<unknown>;

/** The calls that are the same over every client. */
export interface RedisCommands {
  /** One command about one key, to the server that owns the key; never to a replica, which may lag behind. */
  command(name: string, key: string, ...args: string[]): Promise<unknown>;
  /** Runs a script over one key: one round trip, and two where the server does not know the script yet. */
  evaluate(script: RedisScript, key: string, ...args: string[]): Promise<unknown>;
  /** What the client itself puts before the keys of both, but not before what is sent to a node. */
  readonly keyPrefix: string;
  readonly isCluster: boolean;
  /** Each server that owns keys, as far as the client knows by now; `key` is any, to wait for the connection with. */
  nodes(key: string): Promise<readonly RedisNode[]>;
}

/** A script, hashed once. */
export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text, "utf8").digest("hex") };
}

/** @throws TypeError that names `client` when it is no client that we know. */
export function redisCommands(client: RedisClient): RedisCommands {
  // A pipeline or a transaction answers nothing until it is executed.
  if (isObject(client) && !("isPipeline" in client && client.isPipeline === true)) {
    if (has(client, "call") && "options" in client && isObject(client.options)) return overIoredis(client);
    if (has(client, "sendCommand") && "isOpen" in client && typeof client.isOpen === "boolean") {
      if (has(client, "nodeClient")) return overNodeRedisCluster(client as NodeRedisCluster);
      if (!has(client, "getMasterNode")) return overNodeRedis(client as NodeRedisClient);
    }
  }
  throw new TypeError(
    "client must be an ioredis client or Cluster, or a node-redis client, pool or cluster (createClient, createClientPool, createCluster).",
  );
}

function overIoredis(client: IoredisClient | IoredisCluster): RedisCommands {
  const { keyPrefix, scaleReads } = client.options as { readonly keyPrefix?: unknown; readonly scaleReads?: unknown };
  // In lower case: ioredis looks commands up by name to find their keys.
  const send = (name: string, ...args: string[]): Promise<unknown> => client.call(name.toLowerCase(), args);
  const common = {
    evaluate: (script: RedisScript, key: string, ...args: string[]) => evaluateBy(send, script, key, args),
    // Or bytes, which ioredis takes as well.
    keyPrefix: typeof keyPrefix === "string" || keyPrefix instanceof Uint8Array ? Buffer.from(keyPrefix).toString() : "",
  };
  if (!("nodes" in client) || !client.isCluster) {
    return { ...common, command: send, isCluster: false, nodes: () => Promise.resolve([send]) };
  }
  const readsReplicas = scaleReads !== undefined && scaleReads !== "master";
  return {
    ...common,
    command: readsReplicas ? (name, key, ...args) => evaluateBy(send, ON_MASTER, key, [name, ...args]) : send,
    isCluster: true,
    async nodes(key) {
      await send("EXISTS", key);
      return client.nodes("master").map(
        (node) =>
          (name, ...args) =>
            node.call(name.toLowerCase(), args),
      );
    },
  };
}

/** Text comes back as text, whatever type mapping the client has for other uses. */
const AS_TEXT: NodeRedisCommandOptions = { typeMapping: {} };

function overNodeRedis(client: NodeRedisClient): RedisCommands {
  refuseKeyPrefix(client);
  const send = (name: string, ...args: string[]): Promise<unknown> => client.sendCommand([name, ...args], AS_TEXT);
  return {
    command: send,
    evaluate: (script, key, ...args) => evaluateBy(send, script, key, args),
    keyPrefix: "",
    isCluster: false,
    nodes: () => Promise.resolve([send]),
  };
}

function overNodeRedisCluster(cluster: NodeRedisCluster): RedisCommands {
  refuseKeyPrefix(cluster);
  // Not read-only, also where it is: that is what keeps it off the replicas.
  const sendFor = (key: string, args: string[]): Promise<unknown> => cluster.sendCommand(key, false, args, AS_TEXT);
  const command = (name: string, key: string, ...args: string[]): Promise<unknown> => sendFor(key, [name, key, ...args]);
  return {
    command,
    evaluate: (script, key, ...args) => evaluateBy((name, ...rest) => sendFor(key, [name, ...rest]), script, key, args),
    keyPrefix: "",
    isCluster: true,
    async nodes(key) {
      await command("EXISTS", key);
      const clients = await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master as never)));
      return clients.map(
        (client) =>
          (name, ...args) =>
            client.sendCommand([name, ...args], AS_TEXT),
      );
    },
  };
}

/** node-redis puts its prefix before the keys of its own methods only. Ignored, it would break what the application relies on it for. */
function refuseKeyPrefix(client: object): void {
  const { _keyPrefix: prefix, options } = client as { readonly _keyPrefix?: unknown; readonly options?: { readonly keyPrefix?: unknown } };
  if ((prefix ?? options?.keyPrefix ?? "") !== "") {
    throw new TypeError("client must be a node-redis client without keyPrefix; put the prefix into namespace instead.");
  }
}

/** Runs a read where writes go. */
const ON_MASTER = redisScript("return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))");

async function evaluateBy(send: RedisNode, script: RedisScript, key: string, args: readonly string[]): Promise<unknown> {
  try {
    return await send("EVALSHA", script.sha1, "1", key, ...args);
  } catch (error) {
    // The server was restarted, failed over, or had its scripts flushed. Nothing has run.
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
  }
  return send("EVAL", script.text, "1", key, ...args);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function has(client: object, method: string): boolean {
  return typeof (client as Readonly<Record<string, unknown>>)[method] === "function";
}
