/** A port for a program that has to be told one. Where a server of ours listens, port 0 is better: this one may be taken before it is used. */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A port of the loopback interface that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
