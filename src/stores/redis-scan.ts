/**
 * All keys of a pattern, from every server that has some. SCAN, never KEYS: no server is kept busy. What cannot be listed in full is an
 * error, because whoever walks the list (an audit, a rotation of keys) takes what is missing for gone.
 */
import { TokenStoreError } from "../errors.js";
import type { RedisCommands, RedisNode } from "./redis-client.js";

/** Looked at per SCAN: about a millisecond of the server's time. */
const KEYS_PER_SCAN = 1_000;
const SLOTS = 16_384;

/** @throws TokenStoreError when a cluster's keys are on the move, or some of its servers are unknown to the client. */
export async function* scanKeys(redis: RedisCommands, pattern: string, anyKey: string): AsyncGenerator<string, void, undefined> {
  const nodes = await redis.nodes(anyKey);
  const before = redis.isCluster ? await ownershipOf(nodes) : "";
  // SCAN may answer a key twice.
  const seen = new Set<string>();
  for (const node of nodes) {
    for await (const key of scanNode(node, pattern)) {
      if (seen.has(key)) continue;
      seen.add(key);
      yield key;
    }
  }
  // A key that moved from a server not yet read to one already read was missed.
  if (redis.isCluster && (await ownershipOf(nodes)) !== before) throw incomplete("moved keys between its servers meanwhile");
}

async function* scanNode(node: RedisNode, pattern: string): AsyncGenerator<string, void, undefined> {
  let cursor = "0";
  do {
    const reply = await node("SCAN", cursor, "MATCH", pattern, "COUNT", `${KEYS_PER_SCAN}`);
    const [next, keys] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    if ((typeof next !== "string" && typeof next !== "number") || !Array.isArray(keys)) throw unexpected();
    for (const key of keys as readonly unknown[]) {
      if (typeof key !== "string") throw unexpected();
      yield key;
    }
    cursor = `${next}`;
  } while (cursor !== "0");
}

/** Who owns which slots, by the servers' own word. */
async function ownershipOf(nodes: readonly RedisNode[]): Promise<string> {
  const replies = await Promise.all(nodes.map((node) => node("CLUSTER", "NODES")));
  const owned = new Set<number>();
  const lines = replies.map((reply) => {
    if (typeof reply !== "string") throw unexpected();
    const fields = reply
      .split("\n")
      .find((line) => / (?:\w+,)*myself(?:,| )/.test(line))
      ?.split(" ");
    if (fields === undefined) throw unexpected();
    const slots = fields.slice(8);
    // "[93->-<id>]": a slot on its way to or from somebody else.
    if (slots.some((range) => range.startsWith("["))) throw incomplete("is moving keys between its servers");
    for (const range of slots) {
      const [first = Number.NaN, last = first] = range.split("-").map(Number);
      for (let slot = first; slot <= last; slot++) owned.add(slot);
    }
    return `${fields[0]} ${slots.join(" ")}`;
  });
  if (owned.size !== SLOTS) throw incomplete("has servers that the client does not know of, or slots that nobody serves");
  return lines.toSorted().join("\n");
}

function incomplete(why: string): TokenStoreError {
  return new TokenStoreError(`The accounts could not be listed in full: the Redis cluster ${why}. Try again.`, { operation: "list" });
}

function unexpected(): TokenStoreError {
  return new TokenStoreError("The accounts could not be listed: Redis or its client gave an unexpected answer.", { operation: "list" });
}
