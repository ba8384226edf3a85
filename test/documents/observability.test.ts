/** The recipes of docs/observability.md at work, with the real SDKs: spans, a counter for every event, a log; and nothing secret in any. */
import { readdirSync, readFileSync } from "node:fs";
import { inspect } from "node:util";
import { context, type Meter, type Tracer, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { type Logger, pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { type EventListener, HubSpotApiError, HubSpotHttp, type HubSpotOAuthEvent } from "../../src/index.js";
import { blocksOf } from "../support/markdown.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";

const root = new URL("../../", import.meta.url);
const example = (file: string): Promise<object> => import(new URL(`examples/observability/${file}`, root).href) as Promise<object>;
const { traceHubSpot } = (await example("spans.mjs")) as { traceHubSpot: (tracer: Tracer) => () => void };
const { ATTRIBUTES, countEvents } = (await example("counters.mjs")) as {
  ATTRIBUTES: Record<string, readonly string[]>;
  countEvents: (meter: Meter) => EventListener;
};
const { logEvents } = (await example("log.mjs")) as { logEvents: (logger: Logger) => EventListener };

const CONTACTS = "/crm/v3/objects/contacts";

/** Everything secret that the emulator knows, issued or was sent. */
function secretsOf(emulator: Emulator): string[] {
  const sent = emulator.requests.flatMap(({ form }) => ["code", "code_verifier"].flatMap((name) => form?.[name] ?? []));
  const issued = [...emulator.accessTokens.map(({ token }) => token), ...emulator.grants.map(({ refreshToken }) => refreshToken)];
  return [...sent, ...issued, emulator.app.clientSecret];
}

function expectNoSecret(text: string, emulator: Emulator): void {
  const secrets = secretsOf(emulator);
  expect(secrets.length).toBeGreaterThan(4);
  expect(secrets.filter((secret) => text.includes(secret) || text.includes(encodeURIComponent(secret)))).toEqual([]);
}

describe("spans", () => {
  /** An SDK that keeps its spans in memory, and the recipe on it. */
  function tracing(): { readonly tracer: Tracer; readonly spans: () => ReadableSpan[]; readonly stop: () => void } {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer = provider.getTracer("test");
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const stop = traceHubSpot(tracer);
    onTestFinished(async () => {
      stop();
      context.disable();
      await provider.shutdown();
    });
    return { tracer, spans: () => exporter.getFinishedSpans(), stop };
  }

  it("a call is a child of what the application was doing, and the refresh a child of the call", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const { tracer, spans } = tracing();
    emulator.advance(31 * 60_000);
    emulator.respondOnce("objects-list", { status: 503, headers: { "retry-after": "0" } });
    const job = tracer.startSpan("job");
    await context.with(trace.setSpan(context.active(), job), () =>
      new HubSpotHttp({ credential: oauth.account(id) }).get(CONTACTS, { query: { limit: 2, email: "a@b.example" } }),
    );
    job.end();
    const told = spans().map(({ name, attributes, parentSpanContext }) => ({ name, attributes, parent: parentSpanContext?.spanId }));
    const call = spans().find(({ name }) => name === "GET HubSpot");
    expect(told).toEqual([
      { name: "refresh HubSpot token", attributes: { "hubspot.account": id, "hubspot.forced": false }, parent: call?.spanContext().spanId },
      {
        name: "GET HubSpot",
        attributes: {
          "http.request.method": "GET",
          "url.path": CONTACTS,
          "hubspot.credential": `${emulator.app.clientId}:${id}`,
          "http.response.status_code": 200,
          "http.request.resend_count": 1,
        },
        parent: job.spanContext().spanId,
      },
      { name: "job", attributes: {}, parent: undefined },
    ]);
    const text = inspect(spans(), { depth: 6 });
    expect(text).not.toContain("a@b.example");
    expectNoSecret(text, emulator);
  });

  it("a call that fails has the error's code, and after the end of the recipe there are no more spans", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const hubspot = new HubSpotHttp({ credential: oauth.account(await connect(oauth, emulator)) });
    const { spans, stop } = tracing();
    await expect(hubspot.get(`${CONTACTS}/999999`)).rejects.toThrow(HubSpotApiError);
    expect(spans()).toMatchObject([{ status: { code: 2 }, attributes: { "error.type": "hubspot_api", "http.response.status_code": 404 } }]);
    stop();
    await hubspot.get(CONTACTS);
    expect(spans()).toHaveLength(1);
  });
});

describe("counters", () => {
  it("there is one for every event, and those of a refresh that fails are split by its code", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter });
    const provider = new MeterProvider({ readers: [reader] });
    onTestFinished(() => provider.shutdown());
    const count = countEvents(provider.getMeter("test"));

    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { onEvent: count });
    const id = await connect(oauth, emulator);
    emulator.uninstall(id);
    await expect(oauth.getAccessToken(id, { force: true })).rejects.toThrow("must be connected again");
    for (const type of Object.keys(ATTRIBUTES)) count({ type, accountId: "7" } as unknown as HubSpotOAuthEvent);
    await reader.forceFlush();

    const counted = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? [];
    const [, members = ""] =
      /^export interface HubSpotOAuthEvents \{\n([^]*?)^\}/m.exec(readFileSync(new URL("src/events.ts", root), "utf8")) ?? [];
    const declared = [...members.matchAll(/^ {2}"?([a-z][\w.-]*)"?: /gm)].map(([, name = ""]) => `hubspot_oauth.${name}`);
    expect(counted.map(({ descriptor }) => descriptor.name).toSorted()).toEqual(declared.toSorted());
    const points = (type: string): unknown[] =>
      counted
        .filter(({ descriptor }) => descriptor.name === `hubspot_oauth.${type}`)
        .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => ({ attributes, value })));
    expect(points("grant.dead")).toContainEqual({ attributes: { reason: "BAD_REFRESH_TOKEN" }, value: 1 });
    expect(points("authorization.completed")).toContainEqual({ attributes: { reconnected: false }, value: 1 });
    expect(points("refresh.started")).toEqual([{ attributes: {}, value: 2 }]);
  });
});

describe("log", () => {
  it("has the events, and errors as pino prints them, without a secret", async () => {
    const lines: string[] = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { onEvent: logEvents(logger) });
    const id = await connect(oauth, emulator);
    await oauth.getAccessToken(id, { force: true });
    emulator.uninstall(id);
    const error = await oauth.getAccessToken(id, { force: true }).catch((reason: unknown) => reason);
    logger.error({ err: error }, "a job failed");
    const told = lines.map((line) => JSON.parse(line) as { level: number; msg: string; accountId?: string; err?: { code: string } });
    expect(told.map(({ level, msg }) => `${logger.levels.labels[level]} ${msg}`)).toEqual([
      "debug authorization.started",
      "info authorization.completed",
      "debug refresh.started",
      "debug refresh.succeeded",
      "debug refresh.started",
      "warn grant.dead",
      "error a job failed",
    ]);
    expect(told.at(-2)).toMatchObject({ accountId: id, reason: "BAD_REFRESH_TOKEN" });
    expect(told.at(-1)?.err?.code).toBe("reauthorization_required");
    expectNoSecret(lines.join(""), emulator);
  });
});

describe("docs/observability.md", () => {
  it("shows every recipe as it is run", () => {
    const shown = blocksOf(readFileSync(new URL("docs/observability.md", root), "utf8")).filter(({ language }) => language === "js");
    const files = readdirSync(new URL("examples/observability/", root)).filter((name) => name.endsWith(".mjs"));
    const texts = files.map((name) => readFileSync(new URL(`examples/observability/${name}`, root), "utf8"));
    expect(shown.map(({ code }) => `${code}\n`).toSorted()).toEqual(texts.toSorted());
  });
});
