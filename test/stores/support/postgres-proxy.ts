/** Stands between a pool and its server, and can lose an answer: the server has done the work, and nobody learns of it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface LosingProxy {
  readonly port: number;
  /** Cuts the connection on which the server answers next, instead of passing the answer on. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

/** Passes everything on to a server on the loopback interface. */
export async function losingProxy(serverPort: number): Promise<LosingProxy> {
  const sockets = new Set<Socket>();
  let lose = false;
  const proxy = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    const cut = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", cut).on("close", cut);
    }
    client.on("data", (bytes) => server.write(bytes));
    server.on("data", (bytes) => {
      if (!lose) return void client.write(bytes);
      lose = false;
      cut();
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    port: (proxy.address() as AddressInfo).port,
    loseNextAnswer: () => {
      lose = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
