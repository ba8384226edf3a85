// What a process still holds when everything is closed: connections, and whatever keeps it from ending.
import { subscribe } from "node:diagnostics_channel";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const sockets = new Set();
// Idle connections do not keep a process from ending: only whoever saw them begin knows of them.
subscribe("net.client.socket", ({ socket }) => {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});

/** Connections that this process opened and that stand. */
export function openSockets() {
  return sockets.size;
}

/** What is left, once nothing more goes away. Closing takes a moment: so long is waited for it. */
export async function leftovers(waitMs) {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    await sleep(20);
    const left = [...[...sockets].map(({ remotePort }) => `a connection to port ${remotePort ?? "?"}`), ...handles(), ...resources()];
    if (left.length === 0 || performance.now() > deadlineMs) return left;
  }
}

/** But for the pipes to the parent. */
function handles() {
  const ours = [process.stdin, process.stdout, process.stderr, process.channel];
  return process
    ._getActiveHandles()
    .filter((handle) => !ours.includes(handle) && !sockets.has(handle) && handle.constructor.name !== "Pipe")
    .map((handle) => `a ${handle.constructor.name}`);
}

function resources() {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/^(?:PipeWrap|TTYWrap|TCPSocketWrap|Immediate)$/.test(name))
    .map((name) => `an active ${name}`);
}
