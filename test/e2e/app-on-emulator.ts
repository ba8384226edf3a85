/** A web app with one user on an emulator, as small as one can be, for tests in a browser: connect, callback, contacts, and an error page. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { HubSpotHttp, type HubSpotOAuthClient, isHubSpotOAuthError } from "../../src/index.js";
import { clientOf, emulate, type Emulator } from "../support/setup.js";

/** The app, its client and its HubSpot. */
export interface AppOnEmulator {
  /** `http://localhost:{port}`. `/connect` begins the flow, `/contacts` calls the API. */
  readonly origin: string;
  readonly emulator: Emulator;
  readonly oauth: HubSpotOAuthClient;
}

/** Starts both. The pages of the app say `Connected {account id}`, `{n} contacts of {account id}`, or `Error {code}`. */
export async function startApp(options: Parameters<typeof emulate>[0] = {}): Promise<AppOnEmulator> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const emulator = await emulate({ ...options, app: { name: "Ledger Sync", ...options.app, redirectUris: [`${origin}/callback`] } });
  const { oauth } = clientOf(emulator, { optionalScopes: ["crm.objects.companies.read", "tickets"] });
  const routes = routesOf(oauth);
  server.on("request", (request, response) => {
    const route = routes[request.url?.split("?", 1)[0] ?? "/"] ?? (async () => Promise.resolve("Not found"));
    route(request, response).then(
      (text) => void response.end(text === undefined ? "" : page(text)),
      (error: unknown) => void response.end(page(`Error ${isHubSpotOAuthError(error) ? error.code : String(error)}`)),
    );
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin, emulator, oauth };
}

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<string | undefined>;

function routesOf(oauth: HubSpotOAuthClient): Readonly<Record<string, Route>> {
  return {
    "/connect": async (_, response) => {
      const { url, cookie } = await oauth.createAuthorization();
      response.writeHead(303, { location: url, "set-cookie": cookie ?? [] });
      return undefined;
    },
    "/callback": async (request) => {
      const { accountId } = await oauth.completeAuthorization({ url: request.url ?? "", cookie: request.headers.cookie });
      return `Connected ${accountId}`;
    },
    "/contacts": async () => {
      const { value: account } = await oauth.accounts().next();
      const http = new HubSpotHttp({ credential: oauth.account(account?.accountId ?? "nobody"), retry: false });
      const { results } = (await http.get("/crm/v3/objects/contacts")) as { results: readonly unknown[] };
      return `${results.length} contacts of ${account?.accountId}`;
    },
  };
}

function page(text: string): string {
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>App</title><main><h1>${text}</h1></main></html>`;
}
