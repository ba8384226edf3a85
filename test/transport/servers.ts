/** Servers on loopback that do what they are told: whole answers, raw bytes, silence. All closed, sockets too, when the test ends. */
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { onTestFinished } from "vitest";

/** A server that listens. */
export interface Listening {
  readonly port: number;
  readonly origin: string;
  /** Every connection so far, closed ones too. */
  readonly sockets: readonly Socket[];
}

/** An HTTP server, with the requests it received. */
export interface HttpServer extends Listening {
  readonly requests: readonly IncomingMessage[];
}

/** An HTTP server that answers by `listener`. */
export async function httpServer(listener: RequestListener): Promise<HttpServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  return { ...(await listen(server, "http")), requests };
}

/** A TCP server that hands each connection to `onSocket`. */
export function tcpServer(onSocket: (socket: Socket) => void, scheme: "http" | "https" = "http"): Promise<Listening> {
  return listen(createTcpServer(onSocket), scheme);
}

/** A TLS server that answers every request with 200 and counts them: the count proves that nothing was sent over a refused connection. */
export async function tlsServer(options: TlsOptions): Promise<Listening & { readonly received: Buffer[] }> {
  const received: Buffer[] = [];
  const server = createTlsServer(options, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      socket.write(message("ok"));
    });
  });
  server.on("tlsClientError", () => undefined);
  return { ...(await listen(server, "https")), received };
}

/** A TCP server that answers each request it receives with these bytes, then does `after`. */
export function rawServer(bytes: string | Buffer, after?: (socket: Socket) => void): Promise<Listening> {
  return tcpServer((socket) => {
    socket.on("data", () => {
      socket.write(bytes, () => after?.(socket));
    });
  });
}

/** A whole HTTP/1.1 answer as bytes. */
export function message(body: string, head = "HTTP/1.1 200 OK"): string {
  return `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** An origin on loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(server: Server, scheme: "http" | "https"): Promise<Listening> {
  const sockets: Socket[] = [];
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined); // A client that breaks off is what many of these tests are about.
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, origin: `${scheme}://127.0.0.1:${port}`, sockets };
}
