/** The tracing channels: a call and a refresh have a beginning and an end, and neither shows a token, a query or an answer. */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, tracingChannel, type TracingChannelSubscribers, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { HubSpotApiError, HubSpotHttp, type RefreshTrace, ReauthorizationRequiredError, type RequestTrace } from "../src/index.js";
import { clientOf, connect, emulate } from "./support/setup.js";

type Phase = keyof TracingChannelSubscribers<object>;

/** What subscribers of a channel are told, until the test ends: each phase, and what the trace said at that moment. */
function listen<Trace extends object>(name: string): { readonly phase: Phase; readonly trace: Trace }[] {
  const told: { phase: Phase; trace: Trace }[] = [];
  const tell = (phase: Phase) => (trace: unknown) => void told.push({ phase, trace: { ...(trace as Trace) } });
  const phases = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
  const subscribers = Object.fromEntries(phases.map((phase) => [phase, tell(phase)])) as unknown as TracingChannelSubscribers<object>;
  const channel = tracingChannel<unknown, object>(name);
  channel.subscribe(subscribers);
  onTestFinished(() => {
    channel.unsubscribe(subscribers);
  });
  return told;
}

const phasesOf = (told: readonly { readonly phase: Phase }[]): Phase[] => told.map(({ phase }) => phase);

test("a call is one trace: whose, what, and at the end its status and how many requests it took", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const told = listen<RequestTrace>("hubspot-oauth:request");
  emulator.respondOnce("objects-list", { status: 503, headers: { "retry-after": "0" } });
  await new HubSpotHttp({ credential: oauth.account(id) }).get("/crm/v3/objects/contacts", { query: { limit: 2, email: "a@b.example" } });
  expect(phasesOf(told)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
  const called = { credentialId: `${emulator.app.clientId}:${id}`, method: "GET", path: "/crm/v3/objects/contacts" };
  expect(told[0]?.trace).toEqual({ ...called, attempts: 0, status: undefined });
  expect(told.at(-1)?.trace).toMatchObject({ ...called, attempts: 2, status: 200 });
});

test("a call that fails ends its trace with the error the caller gets", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const told = listen<RequestTrace>("hubspot-oauth:request");
  const call = new HubSpotHttp({ credential: oauth.account(id) }).get("/crm/v3/objects/contacts/999999");
  const error = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HubSpotApiError);
  expect(phasesOf(told)).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
  expect(told.at(-1)?.trace).toMatchObject({ attempts: 1, status: 404 });
  expect(told.at(-1)?.trace.error).toBe(error);
});

test("a refresh is one trace for all who wait for it, inside what its first caller was doing", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const told = listen<RefreshTrace>("hubspot-oauth:refresh");
  emulator.advance(31 * 60_000);
  const callers = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const onStart = (): void => void seen.push(callers.getStore());
  subscribe("tracing:hubspot-oauth:refresh:start", onStart);
  onTestFinished(() => void unsubscribe("tracing:hubspot-oauth:refresh:start", onStart));
  await callers.run("the first caller", () => Promise.all(Array.from({ length: 20 }, () => oauth.getAccessToken(id))));
  expect(phasesOf(told)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
  expect(told[0]?.trace).toEqual({ accountId: id, forced: false });
  expect(seen).toEqual(["the first caller"]);
});

test("a refresh that HubSpot refuses ends its trace with the error", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.uninstall(id);
  const told = listen<RefreshTrace>("hubspot-oauth:refresh");
  const error = await oauth.getAccessToken(id, { force: true }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ReauthorizationRequiredError);
  expect(told.at(-1)?.trace).toMatchObject({ accountId: id, forced: true });
  expect(told.at(-1)?.trace.error).toBe(error);
});

test("LK-01 no trace holds a token, a query or an answer", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const traces: object[] = [];
  for (const name of ["request", "refresh"]) {
    const end = `tracing:hubspot-oauth:${name}:asyncEnd`;
    const keep = (trace: unknown): void => void traces.push(trace as object); // The trace itself: what is put into it later counts too.
    subscribe(end, keep);
    onTestFinished(() => void unsubscribe(end, keep));
  }
  emulator.advance(31 * 60_000);
  const page = await new HubSpotHttp({ credential: oauth.account(id) }).get("/crm/v3/objects/contacts?limit=1&email=a@b.example");
  expect(JSON.stringify(page)).toContain("contact-1@");
  expect(traces).toHaveLength(2);
  const text = inspect(traces, { depth: Infinity, showHidden: true });
  for (const secret of ["a@b.example", "contact-1@", ...emulator.accessTokens.map(({ token }) => token)])
    expect(text).not.toContain(secret);
  expect(text).not.toContain(String(emulator.grants[0]?.refreshToken));
});
