/**
 * Sends an answer over a connection of the loopback server, or does to the connection what the answer's `delivery` says.
 * Every timer it starts ends with the connection, so `close()` leaves none.
 */

import type { ServerResponse } from "node:http";
import type { EmulatorResponse, StartTimer } from "./messages.js";

/** Sends an answer. */
export function deliver(response: ServerResponse, answer: EmulatorResponse, startTimer: StartTimer): void {
  const { delivery } = answer;
  switch (delivery?.kind) {
    case undefined:
      send(response, answer);
      return;
    case "hang":
      return;
    case "drop":
      response.socket?.resetAndDestroy();
      return;
    case "delay":
      later(response, startTimer, delivery.delayMs, () => send(response, answer));
      return;
    case "drip": {
      const body = Buffer.from(answer.body);
      writeHead(response, answer, body.byteLength);
      drip(response, body, delivery, startTimer);
      return;
    }
    case "cut":
      cut(response, answer, Buffer.from(answer.body), delivery);
  }
}

/** In one write, where it can be: node joins the head with a body that is text, and writes both in the encoding of the body. */
function send(response: ServerResponse, answer: EmulatorResponse): void {
  const { body } = answer;
  const bytes = Buffer.byteLength(body);
  writeHead(response, answer, bytes);
  response.end(bytes === body.length ? body : Buffer.from(body), "latin1");
}

function writeHead(response: ServerResponse, answer: EmulatorResponse, bytes: number): void {
  const { status, headers } = answer;
  const isBare = status === 204 || status === 304 || headers["content-length"] !== undefined;
  response.writeHead(status, isBare ? headers : { ...headers, "content-length": String(bytes) });
}

function drip(
  response: ServerResponse,
  body: Buffer,
  delivery: { readonly bytes: number; readonly intervalMs: number },
  startTimer: StartTimer,
): void {
  response.write(body.subarray(0, delivery.bytes));
  const rest = body.subarray(delivery.bytes);
  if (rest.byteLength === 0) response.end();
  else later(response, startTimer, delivery.intervalMs, () => drip(response, rest, delivery, startTimer));
}

function cut(
  response: ServerResponse,
  answer: EmulatorResponse,
  body: Buffer,
  { bytes, end }: { readonly bytes: number; readonly end: "reset" | "closed" | "close-delimited" },
): void {
  const part = body.subarray(0, bytes);
  if (end === "close-delimited") {
    // Without a length and without chunks a body ends with its connection.
    response.removeHeader("content-length");
    response.removeHeader("transfer-encoding");
    response.writeHead(answer.status, { ...answer.headers, connection: "close" });
    response.end(part);
    return;
  }
  writeHead(response, answer, body.byteLength);
  // Only once the part is with the system: a reset would overtake it.
  response.write(part, () => (end === "reset" ? response.socket?.resetAndDestroy() : response.socket?.end()));
}

/** Runs `callback` later, unless the connection ends before. */
function later(response: ServerResponse, startTimer: StartTimer, delayMs: number, callback: () => void): void {
  const stop = startTimer(() => {
    response.off("close", stop);
    callback();
  }, delayMs);
  response.once("close", stop);
}
