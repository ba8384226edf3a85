/**
 * HTTPS sites with names, for tests in a browser: cookies that are Secure, `__Host-` or SameSite need two sites that are not each other's.
 * `app.example.test` and `hubspot.example.test` are the same site to a browser; `app.example.test` and `crm.other.test` are not.
 */
import { once } from "node:events";
import { request, type RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { selfSigned } from "../transport/certificate.js";

/** Starts a site on a free port and answers its origin, such as `https://app.example.test:41234`. It closes when the test ends. */
export async function startHttpsSite(host: `${string}.test`, listener: RequestListener): Promise<string> {
  const server = createServer(selfSigned(), listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `https://${host}:${(server.address() as AddressInfo).port}`;
}

/** A listener that hands everything to a plain HTTP server on this machine, so that an emulator has an HTTPS name. */
export function forwardTo(origin: string): RequestListener {
  return (incoming, outgoing) => {
    const onward = request(new URL(incoming.url ?? "/", origin), { method: incoming.method, headers: { ...incoming.headers } });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  };
}
