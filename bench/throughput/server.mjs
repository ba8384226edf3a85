// The other side of the wire, in a process of its own: answers every GET with one contacts page that was made beforehand. It must stay
// cheap, or the benchmark measures it: no HTTP parser, no routing, one write per read. Started by run.mjs; speaks to it over IPC.
import { createServer } from "node:net";
import process from "node:process";

const CONTACTS = 8;
const END_OF_REQUEST = Buffer.from("\r\n\r\n");

const answer = answerWith(JSON.stringify(contactsPage()));

const server = createServer({ noDelay: true }, (socket) => {
  let open = 0; // How much of the next request's end has come; a request may arrive in pieces.
  socket.on("data", (chunk) => {
    let requests = 0;
    for (const byte of tailOf(chunk)) {
      open = byte === END_OF_REQUEST[open] ? open + 1 : Number(byte === END_OF_REQUEST[0]);
      if (open < END_OF_REQUEST.length) continue;
      requests++;
      open = 0;
    }
    if (requests === 1) socket.write(answer);
    else if (requests > 1) socket.write(Buffer.concat(Array.from({ length: requests }, () => answer)));
  });
  socket.on("error", () => socket.destroy());
});

// The clients keep one request in flight per socket, so what matters is almost always the last four bytes.
function tailOf(chunk) {
  return chunk.indexOf(END_OF_REQUEST) === chunk.length - END_OF_REQUEST.length ? chunk.subarray(-END_OF_REQUEST.length) : chunk;
}

function contactsPage() {
  const results = Array.from({ length: CONTACTS }, (_, index) => ({
    id: String(51 + index),
    properties: {
      createdate: "2026-03-01T09:12:33.104Z",
      email: `contact-${index}@example.com`,
      firstname: "Grace",
      hs_object_id: String(51 + index),
      lastmodifieddate: "2026-08-20T14:01:09.417Z",
      lastname: "Hopper",
    },
    createdAt: "2026-03-01T09:12:33.104Z",
    updatedAt: "2026-08-20T14:01:09.417Z",
    archived: false,
  }));
  return { results, paging: { next: { after: "59", link: "https://api.hubapi.com/crm/v3/objects/contacts?limit=8&after=59" } } };
}

function answerWith(body) {
  const head = [
    "HTTP/1.1 200 OK",
    "date: Tue, 01 Sep 2026 08:00:00 GMT",
    "content-type: application/json;charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "x-hubspot-correlation-id: 0d5f7a3c-2f0b-4f1e-9d6a-0c9a2f6f2b11",
    // The least that the limiter believes, so that it counts and never holds a call back: with HubSpot's own numbers it would keep to them.
    "x-hubspot-ratelimit-max: 100000",
    "x-hubspot-ratelimit-remaining: 99999",
    "x-hubspot-ratelimit-interval-milliseconds: 100",
    "strict-transport-security: max-age=31536000; includeSubDomains; preload",
    "vary: origin",
    "connection: keep-alive",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port, bytes: answer.length }));
process.on("message", () => process.send({ cpu: process.cpuUsage(), atMs: performance.now() }));
process.on("disconnect", () => process.exit());
