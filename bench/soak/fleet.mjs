// The processes of the application. The first half of them stays for the whole run, so that their memory can be followed; the others are killed
// or closed at random and replaced.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ask } from "../herds/questions.mjs";

const WAYS = ["kill", "calm", "abrupt"];
const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** All processes, present and past. */
export class Fleet {
  kills = 0;
  closes = 0;
  /** Samples of the processes that stay, by name. */
  samples = new Map();
  /** What each process said last of itself. */
  #last = new Map();
  #at = new Map();
  #started = 0;
  #replaced = 0;
  #size;
  #execPath;
  #settings;
  #ledger;
  #violate;

  constructor({ size, execPath, settings, ledger, violate }) {
    this.#size = size;
    this.#execPath = execPath;
    this.#settings = settings;
    this.#ledger = ledger;
    this.#violate = violate;
  }

  /** Every place filled, and all at work. */
  async start() {
    await Promise.all(Array.from({ length: this.#size }, (_, place) => this.#start(place)));
  }

  /** A process that does not stay is killed, or closes by itself. */
  async replaceOne(random) {
    const staying = Math.ceil(this.#size / 2);
    if (staying === this.#size) return;
    const place = staying + random.below(this.#size - staying);
    const way = WAYS[this.#replaced++ % WAYS.length];
    await (way === "kill" ? this.#kill(place) : this.#close(place, way === "calm"));
    await this.#start(place);
  }

  /** Every account is called for by every process, until it is served. */
  async serveEverybody() {
    await Promise.all([...this.#at.values()].map(({ child }) => ask(child, "serveEverybody")));
  }

  /** All close, half of them in the middle of something. */
  async close() {
    await Promise.all([...this.#at.keys()].map((place) => this.#close(place, place % 2 === 0)));
  }

  /** Ends whatever is left, for a run that failed. */
  end() {
    for (const { child } of this.#at.values()) child.kill("SIGKILL");
  }

  /** What all processes together did. */
  get totals() {
    const totals = { calls: 0, aborted: 0, reconnections: 0, usedTwice: 0, outcomes: {}, events: {} };
    for (const { totals: of } of this.#last.values()) {
      for (const name of ["calls", "aborted", "reconnections", "usedTwice"]) totals[name] += of[name];
      for (const name of ["outcomes", "events"]) {
        for (const [key, count] of Object.entries(of[name])) totals[name][key] = (totals[name][key] ?? 0) + count;
      }
    }
    return totals;
  }

  async #start(place) {
    const name = `process ${place + 1}${this.#started < this.#size ? "" : `, ${this.#started}`}`;
    this.#started++;
    const child = fork(WORKER, [], { execPath: this.#execPath, execArgv: ["--expose-gc"] });
    child.on("message", (message) => this.#hear(name, message));
    child.once("exit", (code, signal) => {
      if (this.#at.get(place)?.child === child) this.#violate("process ended", `${name} ended with ${code ?? signal}`);
    });
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${name} ended with ${code} before it was ready.`)));
    ended.catch(() => undefined); // Later on, the listener above tells.
    await Promise.race([once(child, "message"), ended]);
    await ask(child, "begin", { ...this.#settings(), name });
    this.#at.set(place, { child, name });
  }

  async #kill(place) {
    const { child } = this.#at.get(place);
    this.#at.delete(place);
    this.kills++;
    this.#ledger.lostAnswers();
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async #close(place, calm) {
    const { child, name } = this.#at.get(place);
    this.#at.delete(place);
    this.closes++;
    const gone = once(child, "exit");
    this.#hear(name, await ask(child, "close", { calm }));
    child.disconnect();
    await gone;
  }

  #hear(name, { sample, violation, dead, token, toldToReconnect }) {
    if (violation !== undefined) this.#violate(violation.what, `${name}: ${violation.detail}`);
    if (dead !== undefined) this.#ledger.markedDead(dead.accountId, dead.reason);
    if (token !== undefined) this.#ledger.gotToken(token.accountId, token.token);
    if (toldToReconnect !== undefined) this.#ledger.toldToReconnect(toldToReconnect);
    if (sample !== undefined) {
      this.#last.set(name, sample);
      if (sample.left === undefined) this.samples.set(name, [...(this.samples.get(name) ?? []), sample]);
    }
  }
}
