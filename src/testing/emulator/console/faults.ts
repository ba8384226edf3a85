/** The faults: a form that puts one in force, and the list of those that are. The kinds and their words are the emulator's own. */

import type { Fault } from "../fault.js";
import type { FaultHandle } from "../faults.js";
import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import type { EmulatorRoute, RequestMatch } from "../request-log.js";

/** What a fault of the form can be limited to. */
const ROUTES: readonly EmulatorRoute[] = [
  "token",
  "introspect",
  "revoke",
  "uninstall",
  "account-info",
  "objects-list",
  "objects-read",
  "objects-create",
  "objects-update",
  "objects-search",
];
const TIMES: readonly (readonly [words: string, times: number])[] = [
  ["once", 1],
  ["twice", 2],
  ["3 times", 3],
  ["5 times", 5],
  ["10 times", 10],
  ["until cleared", Number.POSITIVE_INFINITY],
];

interface Choice {
  /** Its JSON: what the form sends. */
  readonly value: string;
  readonly words: string;
  readonly fault: Fault;
}

/** Each kind, and where a kind has a parameter of a few words, each of them. `answer` needs more than a form of choices can say. */
function choices(emulator: HubSpotEmulator): readonly Choice[] {
  const kinds = emulator.faults.kinds.filter(({ kind }) => kind !== "answer");
  return kinds.flatMap(({ kind, label, parameters }) => {
    const [name, variants] =
      Object.entries(parameters)
        .flatMap(([key, parameter]) => (parameter.type === "choice" ? [[key, parameter.choices] as const] : []))
        .at(0) ?? [];
    const faults = name === undefined ? [{ kind }] : (variants ?? []).map((variant) => ({ kind, [name]: variant }));
    return faults.map((fault, index) => {
      const words = name === undefined ? label : `${label}: ${variants?.[index]}`;
      return { value: JSON.stringify(fault), words, fault };
    });
  });
}

/** The form. */
export function faultForm(emulator: HubSpotEmulator): Html {
  const accounts = emulator.accounts.map(({ hubId, name }) => option(String(hubId), `of ${name}`));
  return html`<form method="post" action="/console/actions/add-fault" class="card fields">
    ${select(
      "kind",
      "What goes wrong",
      choices(emulator).map(({ value, words }) => option(value, words)),
    )}
    ${select("route", "For which requests", [option("", "any"), ...ROUTES.map((route) => option(route, route))])}
    ${select("hub_id", "Of which account", [option("", "of any"), ...accounts])}
    ${select(
      "times",
      "How often",
      TIMES.map(([words, times]) => option(String(times), words)),
    )}
    <button>Add fault</button>
  </form>`;
}

/** One list item per fault in force. */
export function faultItems(emulator: HubSpotEmulator): Html {
  const handles = emulator.faults.list();
  if (handles.length === 0) return html`<li class="soft">None in force.</li>`;
  return html`${handles.map((handle) => faultItem(emulator, handle))}`;
}

/** Puts in force what the form says. @throws {TypeError} that says what is wrong with it. */
export function addFault(emulator: HubSpotEmulator, form: URLSearchParams): void {
  const choice = choices(emulator).find(({ value }) => value === form.get("kind"));
  if (choice === undefined) throw new TypeError("kind must be one of the page's choices.");
  const [, times] = TIMES.find(([, amount]) => String(amount) === form.get("times")) ?? [];
  if (times === undefined) throw new TypeError("times must be one of the page's choices.");
  const route = ROUTES.find((name) => name === form.get("route"));
  if (route === undefined && form.get("route") !== "") throw new TypeError("route must be one of the page's choices, or empty.");
  const account = emulator.accounts.find(({ hubId }) => String(hubId) === form.get("hub_id"));
  if (account === undefined && form.get("hub_id") !== "") throw new TypeError("hub_id must be the hub id of an account, or empty.");
  const match = { ...(route !== undefined && { route }), ...(account !== undefined && { hubId: account.hubId }) };
  emulator.faults.add({ fault: choice.fault, match, times });
}

function faultItem(emulator: HubSpotEmulator, { rule, hits, remaining }: FaultHandle): Html {
  const { kind, ...parameters } = rule.fault;
  const label = emulator.faults.kinds.find((candidate) => candidate.kind === kind)?.label ?? kind;
  const details = Object.values(parameters).filter((value) => typeof value === "string" || typeof value === "number");
  const left = remaining === Number.POSITIVE_INFINITY ? "until cleared" : `${remaining} to come`;
  return html`<li>
    <b>${label}</b>${details.length > 0 && `: ${details.join(", ")}`}
    <span class="small soft line">${wordsOf(emulator, rule.match)} · ${left} · ${hits} so far</span>
  </li>`;
}

function wordsOf(emulator: HubSpotEmulator, match: RequestMatch | undefined): string {
  if (typeof match === "string") return match;
  if (typeof match === "function") return "requests that a test chose";
  const { route, hubId, ...others } = match ?? {};
  const account = emulator.accounts.find((candidate) => String(candidate.hubId) === String(hubId));
  const words = [route ?? "any request", account === undefined ? undefined : `of ${account.name}`];
  if (Object.keys(others).length > 0) words.push("and more");
  return words.filter((word) => word !== undefined).join(" ");
}

function select(name: string, label: string, options: readonly Html[]): Html {
  return html`<p>
    <label for="fault-${name}">${label}</label>
    <select id="fault-${name}" name="${name}">
      ${options}
    </select>
  </p>`;
}

function option(value: string, words: string): Html {
  return html`<option value="${value}">${words}</option>`;
}
