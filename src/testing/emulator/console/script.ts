/**
 * The console's script, as the browser gets it. The server renders everything; this puts what it is sent in its place, sends forms without
 * leaving the page, and says what came of them. Nothing in it needs to know HubSpot.
 */

/** JavaScript. */
export const SCRIPT: string = `"use strict";
const MAX_ROWS = 200;
const byId = (id) => document.getElementById(id);
const log = byId("requests");
const connection = byId("connection");
const pause = byId("pause");
let events;

function say(sentence) {
  byId("status").textContent = sentence;
}

function showConnection(words, kind) {
  connection.hidden = false;
  connection.textContent = words;
  connection.className = "pill " + kind;
}

// Whoever is on a button stays on it when its part is replaced.
function put(id, html) {
  const element = byId(id);
  if (element === null) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.innerHTML = html;
  if (focused !== "") byId(focused)?.focus({ preventScroll: true });
}

function putRow([id, html]) {
  const row = byId(id);
  if (row !== null) return void (row.outerHTML = html);
  log.insertAdjacentHTML("afterbegin", html);
  log.firstElementChild.classList.add("new");
  if (log.rows.length > MAX_ROWS) log.lastElementChild.remove();
}

function connect() {
  events = new EventSource("/console/events");
  const on = (name, use) => events.addEventListener(name, ({ data }) => use(JSON.parse(data)));
  on("log", (html) => put("requests", html));
  on("rows", (rows) => rows.forEach(putRow));
  on("parts", (parts) => parts.forEach(([id, html]) => put(id, html)));
  events.addEventListener("open", () => showConnection("live", "good"));
  events.addEventListener("error", () => showConnection("not reachable", "bad"));
}

pause.hidden = false;
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  if (!paused) return connect();
  events.close();
  showConnection("paused", "warn");
});

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { target: form, submitter } = event;
  const action = submitter?.getAttribute("formaction") ?? form.action;
  try {
    const answer = await fetch(action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
    say(await answer.text());
  } catch {
    say("The emulator cannot be reached. Is it still running?");
  }
});

connect();
`;
