// One process of a herd. Forked by herd.mjs, which says what to do over IPC: prepare, warm, forward, herd, next, finish.
import { putForward } from "./clock.mjs";
import process from "node:process";
import { answerQuestions } from "./questions.mjs";
import { connectStore, sharedTokens } from "./shared-tokens.mjs";

const [name, store, dist, url] = process.argv.slice(2);
const contender =
  name === "ours" ? await (await import("./ours.mjs")).loadOurs(dist) : (await import("../peers/refreshing.mjs")).refreshingPeers[name];
const connection = await connectStore(store, url);
const warnings = new Set(); // Some peers tell the console that a refresh failed, beside the error they throw.
console.warn = (...words) => warnings.add(words.join(" "));
let member;

process.on("disconnect", () => process.exit());
answerQuestions(process, {
  /** A new client, or whatever the contender has; `tokens` are stored first by the one process that is given them. */
  async prepare({ tokens, offsetMs, ...task }) {
    putForward(offsetMs);
    const shared = sharedTokens(store, connection?.client, task.name);
    if (tokens !== undefined) await shared.write(tokens);
    member = await contender.create({ ...task, store, client: connection?.client, shared });
    if (tokens !== undefined) await member.save?.(tokens);
  },
  /** Everybody has used the account before: answers the token that is good. */
  warm: () => member.getToken(),
  forward: (toMs) => putForward(toMs),
  /** All callers at once. Answers who got which token, why others got none, and when the last was served. */
  async herd(callers) {
    const tokens = {};
    const reasons = {};
    let lastMs = 0;
    const caller = async () => {
      try {
        const token = await member.getToken();
        tokens[token] = (tokens[token] ?? 0) + 1;
        lastMs = performance.timeOrigin + performance.now();
      } catch (error) {
        const reason = reasonOf(error);
        reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return { tokens, reasons, lastMs, warnings: [...warnings] };
  },
  /** One caller, later. */
  next: () =>
    member.getToken().then(
      (token) => ({ token }),
      (error) => ({ reason: reasonOf(error) }),
    ),
  async finish() {
    await member.close?.();
  },
});
process.send({ ready: true });

/** Without what differs from one error to the next: dates and ids in messages. */
function reasonOf(error) {
  const status = error.status ?? error.code ?? error.output?.statusCode;
  const cause = error.cause?.code === undefined ? "" : `, ${error.cause.code}`;
  const message = error.message.length > 80 ? "" : `: ${error.message}`;
  return `${error.constructor.name}${status === undefined ? "" : ` ${status}`}${cause}${message}`;
}
