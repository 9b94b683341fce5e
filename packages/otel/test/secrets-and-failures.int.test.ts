import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Telemetry } from "@parley/core";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { startSkytale } from "@parley/skytale-server";
import { temporaryDirectory } from "@parley/test-assertions";
import { Client } from "layr8";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Envelope, Protocol, SkytaleChannelManager } from "skytale";
import { describe, expect, it, onTestFinished } from "vitest";
import { otel } from "../src/index.ts";
import { recordSpans, textOf } from "./recorded-spans.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const CHANNEL = "acme/team/general";

interface Run {
  /** Everything in the run that a span must not have. */
  readonly secrets: readonly string[];
  readonly answers: readonly unknown[];
}

function agent(node: Layr8Node, agentDid: string, telemetry: Telemetry): Client {
  const client = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid, telemetry }, () => {});
  onTestFinished(() => client.close());
  return client;
}

/** Messages of both systems, with failures, attachments, keys, tokens and credentials. */
async function wholeRun(telemetry: Telemetry): Promise<Run> {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const canary = `CANARY${randomBytes(12).toString("hex")}`;
  const [nodeKey, serverKey, storageKey] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const node = await startNode({ port: 0, logger: false, dataDir: join(directory.path, "node"), nodeKey, telemetry });
  onTestFinished(() => node.close());
  const [alice, bob] = [agent(node, "did:web:localhost:alice", telemetry), agent(node, "did:web:localhost:bob", telemetry)];
  bob.handle(`${ECHO}/request`, ({ body }) => {
    if (body["fail"] === true) throw new Error(`${canary}-exception`);
    return { type: `${ECHO}/response`, body };
  });
  await Promise.all([alice.connect(), bob.connect()]);
  const to = bob.did;
  const attachments = [{ id: "1", data: { json: { text: `${canary}-attachment` } } }];
  const response = await alice.request({ type: `${ECHO}/request`, to, body: { text: `${canary}-body` }, attachments });
  const failed = await alice.request({ type: `${ECHO}/request`, to, body: { fail: true, text: `${canary}-body` } }).catch(String);
  const credential = await alice.signCredential({
    type: ["EmployeeCredential"],
    credentialSubject: { id: alice.did, name: `${canary}-claim` },
  });
  const headers = { note: `${canary}-header` };
  await alice.send(await alice.present({ type: `${ECHO}/request`, to, body: { text: `${canary}-presented` }, headers }, [credential]));

  const server = await startSkytale({
    port: 0,
    relayPort: 0,
    logger: false,
    dataDir: join(directory.path, "server"),
    serverKey,
    telemetry,
  });
  onTestFinished(() => server.close());
  const member = (identity: string): SkytaleChannelManager => {
    const { relayUrl: endpoint, apiUrl, apiKey = "" } = server;
    const manager = new SkytaleChannelManager({
      endpoint,
      apiUrl,
      apiKey,
      identity,
      storageKey,
      dataDir: join(directory.path, identity),
      telemetry,
    });
    onTestFinished(() => manager.close());
    return manager;
  };
  const [erin, dave] = [member("erin"), member("dave")];
  await erin.create(CHANNEL);
  const token = await erin.invite(CHANNEL);
  await dave.joinWithToken(CHANNEL, token);
  const payload = new TextEncoder().encode(`${canary}-payload`);
  const metadata = { note: `${canary}-metadata` };
  await erin.sendEnvelope(CHANNEL, new Envelope(Protocol.RAW, "text/plain", payload, metadata, { note: `${canary}-header` }));
  await erin.send(CHANNEL, `${canary}-text`);
  const texts: string[] = [];
  await expect.poll(async () => texts.push(...(await dave.receive(CHANNEL, { timeoutMs: 0 }))) && texts.length).toBe(2);
  await Promise.all([alice.close(), bob.close(), erin.close(), dave.close()]);
  await Promise.all([node.close(), server.close()]);
  const keys = [nodeKey, serverKey, storageKey].flatMap((key) => [key.toString("hex"), key.toString("base64"), key.toString("base64url")]);
  const given = [node.apiKey, server.apiKey, token, credential].filter((secret) => secret !== undefined);
  return { secrets: [canary, ...keys, ...given], answers: [response.body, String(failed).replaceAll(/[0-9a-f-]{36}/g, "id"), texts[1]] };
}

type Done = Parameters<SpanExporter["export"]>[1];
type Result = Parameters<Done>[0];
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- ExportResultCode.FAILED, whose package is not a dependency
const FAILED: Result = { code: 1, error: new Error("no collector") };

describe("a run of agents, node, relay and members", () => {
  it("has no content, key, token or credential in any attribute of any span", async () => {
    const spans = recordSpans();
    const { secrets } = await wholeRun(
      otel({ tracerProvider: spans.provider, trust: ["did:web:localhost:*", "acme/*"], identities: true }),
    );
    const names = new Set(spans.all().map(({ name }) => name.split(" ")[0]));
    const all = ["accept", "commit", "deliver", "fan-out", "join", "process", "publish", "receive", "request", "send", "settle"];
    expect(names).toEqual(new Set(all));
    const texts = spans.all().map(textOf);
    expect(texts.length).toBeGreaterThan(20);
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });

  it.each([
    ["fails", (done: Done) => done(FAILED)],
    ["never answers", () => {}],
    [
      "throws",
      () => {
        throw new Error("no collector");
      },
    ],
  ])("does the same when the exporter %s", async (_, finish) => {
    const dead: SpanExporter = { export: (_spans, done) => finish(done), shutdown: async () => {} };
    recordSpans();
    const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(dead, { scheduledDelayMillis: 10 })] });
    const { answers, secrets } = await wholeRun(otel({ tracerProvider: provider }));
    const [canary = ""] = secrets;
    expect(answers[0]).toEqual({ text: `${canary}-body` });
    expect(answers[1]).toContain("e.p.");
    expect(answers[2]).toBe(`${canary}-text`);
  });
});
