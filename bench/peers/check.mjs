// Whether everybody does the same work, before anything is measured: the same page comes back parsed, the token arrives with each request,
// and connections are kept. A server that looks at requests would be too slow to measure with, so these are used here alone.
import { once } from "node:events";
import { createServer } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { BEARER, LIMIT, PATH } from "./page.mjs";

const WAVES = 4;

/** Throws when somebody does something else; answers how many connections each opened. */
export async function checkContenders(contenders, { page, atOnce }) {
  const sockets = {};
  for (const [name, contender] of Object.entries(contenders)) sockets[name] = await socketsOf(contender, { page, atOnce });
  return { sockets, calls: WAVES * atOnce, atOnce };
}

async function socketsOf({ label, create }, { page, atOnce }) {
  const server = await startServer(JSON.stringify(page));
  try {
    const contender = await create({ origin: server.origin });
    const pages = [];
    for (let wave = 0; wave < WAVES; wave++) {
      pages.push(...(await Promise.all(Array.from({ length: atOnce }, () => contender.call(LIMIT)))));
    }
    await contender.close();
    const different = pages.filter((read) => !isDeepStrictEqual(plain(read), page)).length;
    const problems = [...server.problems, ...(different > 0 ? [`${different} of ${pages.length} pages are not the server's`] : [])];
    if (server.requests !== pages.length) problems.push(`${server.requests} requests for ${pages.length} calls`);
    if (problems.length > 0) throw new Error(`${label} does not do the same work: ${problems.join("; ")}.`);
    return server.sockets;
  } finally {
    server.close();
  }
}

/** One for each contender: some keep their connections in a pool of the process, and would find those of the one before. */
async function startServer(body) {
  const seen = { requests: 0, sockets: 0, problems: new Set() };
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    seen.requests++;
    if (method !== "GET" || url !== `${PATH}?limit=${LIMIT}`) seen.problems.add(`it asked for ${method} ${url}`);
    if (headers.authorization !== BEARER) seen.problems.add("a request came without the token");
    response.writeHead(200, { "content-type": "application/json;charset=utf-8", "content-length": Buffer.byteLength(body) });
    response.end(body);
  });
  server.on("connection", () => seen.sockets++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(seen, {
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  });
}

/** As JSON has it: HubSpot's SDK answers instances of its own classes, with Dates. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}
