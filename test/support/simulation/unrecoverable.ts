/**
 * The two situations in which no client can keep a grant on a server that replaces refresh tokens, recognised from the log of one schedule
 * (reliability 3.2). U1: the server replaced the refresh token, and what it gave in its place never reached the store, or not while the
 * lease lasted. U2: a process was stopped between its last look at the lease and the request, until the lease was over. Everything else
 * that ends a grant is the client's fault.
 */
import type { ServerGrant } from "../token-server.js";
import type { History, Moment, Post } from "./history.js";

/** The lease of the design: deadline of the POST 15 s, of a write 5 s, and a margin of 10 s that may be over when the POST is sent. */
const LEASE_MS = 30_000;
const MARGIN_MS = 10_000;

/** The request that made the server end a grant, and the one that had spent the refresh token before. */
function secondUse(history: History, grant: ServerGrant): { readonly first: Post; readonly second: Post } | undefined {
  const second = history.posts.find(({ outcome, refreshToken }) => outcome === "reused" && isOf(refreshToken, grant));
  const first = spenderOf(history, second?.refreshToken);
  return second === undefined || first === undefined ? undefined : { first, second };
}

/** The request that had a refresh token replaced. */
export function spenderOf({ posts }: History, refreshToken: string | undefined): Post | undefined {
  return posts.find((post) => post.refreshToken === refreshToken && post.outcome === "refreshed" && post.given !== refreshToken);
}

/** Why no client could have kept a grant that ended by a second use; `undefined` when it could have been kept. */
export function whyLost(history: History, grant: ServerGrant): "U1" | "U2" | undefined {
  const use = secondUse(history, grant);
  if (use === undefined) return undefined;
  const { first, second } = use;
  if (wasTooLate(second) || wasTooLate(first)) return "U2";
  const saved = savedAt(history, first);
  // It stood in the store when the second one looked.
  if (second.read === undefined || (saved !== undefined && saved.order < second.read.order)) return undefined;
  if (isForgotten(history, first, second.read)) return "U1";
  // What one of them had got did not reach the store while its lease lasted, so that the other was right to ask.
  if (first.lease === undefined || second.lease === undefined) return undefined;
  const apartMs = second.lease.granted.atMs - first.lease.granted.atMs;
  return apartMs >= LEASE_MS || (second.isFromMemory && -apartMs >= LEASE_MS) ? "U1" : undefined;
}

/** Whether nobody knew, at a moment, what a request had been answered: the sender had vanished, or had not got the answer and given up. */
export function isForgotten({ crashes }: History, post: Post, at: Moment | undefined): boolean {
  const crash = crashes.get(post.by);
  if (crash !== undefined && (at === undefined || crash.order < at.order)) return true;
  return post.delivered === undefined && !post.isOpen;
}

/** Sent in good faith, and processed when the lease was over. */
function wasTooLate({ lease, sent, processed }: Post): boolean {
  if (lease === undefined || processed === undefined) return false;
  return sent.atMs - lease.askedAtMs <= MARGIN_MS && processed.atMs - lease.granted.atMs >= LEASE_MS;
}

/** When the store first had the refresh token that a request was given. */
function savedAt({ writes }: History, { given }: Post): Moment | undefined {
  return writes.find(({ after }) => after?.refreshToken === given)?.at;
}

/** Tokens are named `rt-<account>-<grant>-<number>`. */
function isOf(token: string, { hubId, number }: ServerGrant): boolean {
  return token.startsWith(`rt-${hubId}-${number}-`);
}
