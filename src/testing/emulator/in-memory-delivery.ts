/**
 * Hands over an answer where there is no connection, as its client would see it: what a broken one does is an error here.
 * Every timer it starts ends when nobody waits any more, so `close()` leaves none.
 */

import { type DispatchedAnswer, withCode } from "./dispatcher.js";
import type { EmulatorResponse, StartTimer } from "./messages.js";

/** Rejects where no byte of an answer comes. */
export async function deliverInMemory(answer: EmulatorResponse, startTimer: StartTimer, signal: AbortSignal): Promise<DispatchedAnswer> {
  const { delivery } = answer;
  const body = new Uint8Array(Buffer.from(answer.body));
  const whole = withLength(answer, body.byteLength);
  switch (delivery?.kind) {
    case undefined:
      return { ...whole, body: pieces(body, body.byteLength) };
    case "hang":
      return await ended(signal);
    case "drop":
      throw reset();
    case "delay":
      await later(startTimer, delivery.delayMs, signal);
      return { ...whole, body: pieces(body, body.byteLength) };
    case "drip":
      return { ...whole, body: drip(body, delivery.bytes, () => later(startTimer, delivery.intervalMs, signal)) };
    case "cut": {
      const part = body.subarray(0, delivery.bytes);
      // Without a length nothing shows that something is missing.
      if (delivery.end === "close-delimited") return { ...whole, headers: answer.headers, body: pieces(part, part.byteLength) };
      return { ...whole, body: broken(part, delivery.end === "reset" ? reset() : withCode("other side closed", "UND_ERR_SOCKET")) };
    }
  }
}

function withLength({ status, headers }: EmulatorResponse, bytes: number): Omit<DispatchedAnswer, "body"> {
  const length = status === 204 || status === 304 ? {} : { "content-length": String(bytes) };
  return { status, headers: { ...length, ...headers } };
}

function* pieces(body: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += bytes) yield body.subarray(at, at + bytes);
}

async function* drip(body: Uint8Array, bytes: number, pause: () => Promise<void>): AsyncGenerator<Uint8Array> {
  let first = true;
  for (const piece of pieces(body, bytes)) {
    if (!first) await pause();
    first = false;
    yield piece;
  }
}

function* broken(part: Uint8Array, error: Error): Generator<Uint8Array> {
  yield* pieces(part, part.byteLength);
  throw error;
}

function reset(): Error {
  return withCode("read ECONNRESET", "ECONNRESET");
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

async function later(startTimer: StartTimer, delayMs: number, signal: AbortSignal): Promise<void> {
  let stop = (): void => undefined;
  try {
    await Promise.race([new Promise<void>((resolve) => (stop = startTimer(resolve, delayMs))), ended(signal)]);
  } finally {
    stop();
  }
}
