/** A TCP or TLS server that reads HTTP requests and answers each with whatever bytes, silence or violence a test wants. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { onTestFinished } from "vitest";

/** A request as it was received. */
export interface Received {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Chunks joined; empty when the answer was asked for at the head. */
  readonly body: string;
  /** Which connection it came by, 1 for the first. */
  readonly connection: number;
}

/** What a test does with a request. `nth` is 1 for the server's first. */
export type Answer = (socket: Socket, request: Received, nth: number) => void;

/** How the server listens and when it answers. */
export interface FaultyOptions {
  readonly tls?: TlsOptions;
  /** Answer as soon as the head is there; the body is then left unread. */
  readonly atHead?: boolean;
  /** Sees each connection before anything is read from it. */
  readonly onConnection?: (socket: Socket, nth: number) => void;
}

/** A server that listens. */
export interface FaultyServer {
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly Received[];
  /** Connections so far. */
  readonly connections: number;
  /** Connections that stand now. */
  readonly open: number;
  /** Resolves as soon as no connection stands. The test's own time limit is the failure. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one; closed, sockets too, when the test ends. */
export async function faultyServer(answer: Answer, options: FaultyOptions = {}): Promise<FaultyServer> {
  const requests: Received[] = [];
  const standing = new Set<Socket>();
  const waiters: (() => void)[] = [];
  let connections = 0;

  const onSocket = (socket: Socket): void => {
    const connection = connections;
    socket.on("error", () => undefined); // Broken connections are what this is about.
    options.onConnection?.(socket, connection);
    const parser = new RequestParser(connection, options.atHead === true);
    socket.on("data", (chunk: Buffer) => {
      for (const request of parser.read(chunk)) {
        requests.push(request);
        answer(socket, request, requests.length);
      }
    });
  };
  const server: Server =
    options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket).on("tlsClientError", () => undefined);
  // By "connection", which for TLS is the socket below it: what counts is what the machine has open.
  server.on("connection", (socket: Socket) => {
    connections++;
    standing.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      standing.delete(socket);
      if (standing.size === 0) for (const wake of waiters.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of standing) socket.destroy();
    });
    return closing;
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return standing.size;
    },
    empty: () => (standing.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    close,
  };
}

/** Cuts a connection's bytes into requests. Only what our own client sends has to be understood. */
class RequestParser {
  readonly #connection: number;
  readonly #atHead: boolean;
  #bytes = "";
  #ignoring = false;

  constructor(connection: number, atHead: boolean) {
    this.#connection = connection;
    this.#atHead = atHead;
  }

  *read(chunk: Buffer): Generator<Received, void, undefined> {
    if (this.#ignoring) return;
    this.#bytes += chunk.toString("latin1");
    for (let end = this.#bytes.indexOf("\r\n\r\n"); end !== -1; end = this.#bytes.indexOf("\r\n\r\n")) {
      const [first = "", ...lines] = this.#bytes.slice(0, end).split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const [method = "", target = ""] = first.split(" ");
      const bodyAt = end + 4;
      const body = this.#atHead ? { text: "", until: bodyAt } : bodyIn(this.#bytes, bodyAt, headers);
      if (body === undefined) return;
      this.#bytes = this.#bytes.slice(body.until);
      this.#ignoring = this.#atHead && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);
      yield { method, target, headers, body: body.text, connection: this.#connection };
      if (this.#ignoring) return;
    }
  }
}

/** The body that begins at `from`, or `undefined` while it is not whole. */
function bodyIn(
  bytes: string,
  from: number,
  headers: Readonly<Record<string, string>>,
): { readonly text: string; readonly until: number } | undefined {
  if (headers["transfer-encoding"] === undefined) {
    const until = from + Number(headers["content-length"] ?? 0);
    return bytes.length < until ? undefined : { text: bytes.slice(from, until), until };
  }
  let text = "";
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(bytes.slice(at, lineEnd), 16);
    const until = lineEnd + 2 + size + 2;
    if (Number.isNaN(size) || bytes.length < until) return undefined;
    if (size === 0) return { text, until };
    text += bytes.slice(lineEnd + 2, lineEnd + 2 + size);
    at = until;
  }
}

/** A whole answer as bytes: JSON, its length, and whatever headers beside. */
export function answerBytes(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const lines = Object.entries({
    "content-type": typeof body === "string" ? "text/html" : "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Said\r\n${lines.join("")}\r\n${text}`;
}

/** Answers every request with JSON. */
export function always(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  const bytes = answerBytes(body, status, headers);
  return (socket) => void socket.write(bytes);
}

/** Gives each request to the next of these; the last one stays. */
export function oneAfterAnother(...answers: readonly Answer[]): Answer {
  return (socket, request, nth) => answers[Math.min(nth, answers.length) - 1]?.(socket, request, nth);
}

/** Writes bytes, then does `after` once they are with the system. */
export function bytes(text: string | Buffer, after?: (socket: Socket) => void): Answer {
  return (socket) => void socket.write(text, () => after?.(socket));
}

/** Ends a connection with a RST. */
export const reset = (socket: Socket): void => void socket.resetAndDestroy();
/** Ends a connection with a FIN. */
export const end = (socket: Socket): void => void socket.end();
