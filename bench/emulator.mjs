// What a page of contacts costs the emulator, beside bare node:http with the same body: CPU per request of the serving process.
// `npm run bench:emulator`; `-- --seconds 10` measures for longer.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Agent } from "undici";

const TOKEN = "pat-na1-bench";
const PATH = "/crm/v3/objects/contacts?limit=10";
const CONCURRENCY = 16;
const ROUNDS = 5;

const servers = {
  /** The same bytes, made once. */
  async bare(body) {
    const server = createServer((request, response) => {
      response.writeHead(200, { "content-type": "application/json;charset=utf-8", "content-length": body.length });
      response.end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${server.address().port}`;
  },
  async emulator() {
    const { startHubSpotEmulator } = await import("../dist/testing/index.js");
    const beganMs = performance.now();
    const emulator = await startHubSpotEmulator({
      accounts: [{ contacts: 100, privateApps: [{ token: TOKEN, scopes: ["crm.objects.contacts.read"] }] }],
    });
    process.send({ startMs: performance.now() - beganMs });
    // A long test's log would be emptied too, and here it must not decide.
    process.on("message", () => emulator.clearRequests());
    return emulator.origin;
  },
};

if (process.send === undefined) await main();
else await serve(process.argv[2], process.argv[3]);

async function serve(name, body) {
  process.once("disconnect", () => process.exit());
  const origin = await servers[name](Buffer.from(body ?? "", "base64"));
  let before = process.cpuUsage();
  process.on("message", () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    process.send({ cpuMicros: user + system });
  });
  process.send({ origin });
}

async function main() {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
  const emulator = await start("emulator");
  const agent = new Agent({ connections: CONCURRENCY });
  const page = await ask(agent, emulator.origin);
  const bare = await start("bare", page.toString("base64"));
  const costs = { bare: [], emulator: [] };
  const sliceMs = (Number(values.seconds) * 1_000) / ROUNDS;
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, server] of Object.entries({ bare, emulator })) {
      await server.cpuMicros();
      const requests = await slice(agent, server.origin, sliceMs);
      const cost = (await server.cpuMicros()) / requests;
      if (round >= 0) costs[name].push(cost); // The first round warms up.
    }
  }
  const [ofBare, ofEmulator] = [median(costs.bare), median(costs.emulator)];
  console.log(`node ${process.version}, ${page.length} bytes of 10 contacts, ${CONCURRENCY} connections`);
  console.log(`bare node:http  ${ofBare.toFixed(1)} us of CPU a request`);
  console.log(`the emulator    ${ofEmulator.toFixed(1)} us of CPU a request, ${(ofEmulator / ofBare).toFixed(2)} times as much`);
  console.log(`startHubSpotEmulator() took ${emulator.startMs.toFixed(1)} ms, its code already loaded`);
  await agent.close();
  for (const { child } of [bare, emulator]) child.disconnect();
}

async function start(name, body = "") {
  const child = fork(fileURLToPath(import.meta.url), [name, body]);
  let startMs = 0;
  const origin = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
    child.on("message", (message) => {
      startMs = message.startMs ?? startMs;
      if (message.origin !== undefined) resolve(message.origin);
    });
  });
  const cpuMicros = async () => {
    child.send("cpu");
    const [message] = await once(child, "message");
    return message.cpuMicros;
  };
  return { child, origin, startMs, cpuMicros };
}

async function slice(agent, origin, forMs) {
  let requests = 0;
  const endMs = performance.now() + forMs;
  const caller = async () => {
    do {
      await ask(agent, origin);
      requests++;
    } while (performance.now() < endMs);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  return requests;
}

async function ask(agent, origin) {
  const { statusCode, body } = await agent.request({ origin, path: PATH, method: "GET", headers: { authorization: `Bearer ${TOKEN}` } });
  const bytes = Buffer.from(await body.arrayBuffer());
  if (statusCode !== 200) throw new Error(`${origin} answered ${statusCode}`);
  return bytes;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
