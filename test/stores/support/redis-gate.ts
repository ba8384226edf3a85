/** A way to a server that a test can cut: connections end, new ones are refused, or one answer is lost on its way back. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface RedisGate {
  /** What clients connect to. */
  readonly port: number;
  /** Ends every connection and refuses new ones, until `open`. */
  cut(): Promise<void>;
  open(): Promise<void>;
  /** The next command that contains `text` reaches the server; its answer does not come back, and the connection ends. */
  loseAnswerTo(text: string): void;
  close(): Promise<void>;
}

export async function startRedisGate(target: number): Promise<RedisGate> {
  const sockets = new Set<Socket>();
  let losing: string | undefined;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let lost = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A connection that ends on one side ends on the other; why, is what the test is about.
      socket
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    client.on("data", (chunk) => {
      if (losing !== undefined && chunk.includes(losing)) {
        losing = undefined;
        lost = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (lost) client.destroy();
      else client.write(chunk);
    });
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const cut = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const port = await listen(0);
  return {
    port,
    cut,
    open: async () => void (await listen(port)),
    loseAnswerTo: (text) => void (losing = text),
    close: async () => {
      if (server.listening) await cut();
    },
  };
}
