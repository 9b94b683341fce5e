import { isDeepStrictEqual } from "node:util";
import { AdapterError, Envelope, EnvelopeError, Protocol } from "../../../../packages/envelope-and-adapters/src/index.ts";
import { callEnvelope, readCallEnvelope } from "../../../../packages/envelope-and-adapters/src/a2a/call.ts";
import { readMessage, writeMessage } from "../../../../packages/envelope-and-adapters/src/a2a/message.ts";
import { mcpEnvelope, readMcpAddress } from "../../../../packages/envelope-and-adapters/src/mcp/address.ts";
import { readJsonRpc } from "../../../../packages/envelope-and-adapters/src/mcp/json-rpc.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const MESSAGE = {
  messageId: "1",
  role: "ROLE_USER",
  contextId: "c",
  taskId: "t",
  parts: [{ text: "hello" }, { data: { n: 1 } }, { url: "https://example.org", mediaType: "text/plain", filename: "f" }, { raw: "AAAA" }],
  metadata: { k: 1 },
  extensions: ["https://example.org/e"],
};

/** An envelope of a protocol whose header and payload are as the input says. */
interface Draft {
  readonly header: unknown;
  readonly payload: unknown;
}

const SEEDS: readonly Draft[] = [
  { header: { protocol: "raw", content_type: "text/plain", metadata: { k: [1, null] } }, payload: "x" },
  { header: { protocol: "a2a", content_type: "application/json" }, payload: MESSAGE },
  {
    header: {
      protocol: "a2a",
      content_type: "application/json",
      metadata: { a2a: { role: "client", call: "1", to: "agent", method: "SendMessage" }, "A2A-Version": "1.0" },
    },
    payload: { message: MESSAGE },
  },
  {
    header: { protocol: "a2a", content_type: "application/json", metadata: { a2a: { role: "server", call: "1", seq: 0, end: true } } },
    payload: { result: MESSAGE },
  },
  {
    header: { protocol: "mcp", content_type: "application/json", metadata: { mcp: { session: "s", role: "client", seq: 1 } } },
    payload: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "n", arguments: {} } },
  },
  { header: { protocol: "slim", content_type: "application/octet-stream", metadata: {} }, payload: "" },
];

function wire({ header, payload }: Draft): Uint8Array {
  const head = json(header);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, json(payload)]);
}

function draftOf(input: Uint8Array): Uint8Array {
  try {
    const value = JSON.parse(Buffer.from(input).toString()) as Partial<Draft> | null;
    if (typeof value === "object" && value !== null && "header" in value)
      return wire({ header: value.header, payload: value.payload ?? null });
  } catch {
    // The bytes themselves, then.
  }
  return input;
}

function membersOf({ protocol, contentType, payload, metadata }: Envelope): unknown[] {
  return [protocol, contentType, Buffer.from(payload).toString("hex"), metadata];
}

const EXPECTED = [EnvelopeError, AdapterError] as const;

/** Envelopes as they come over a channel, and what the adapters read in them. */
export const open: OpenTarget = async () => ({
  format: "json",
  seeds: [...SEEDS.map(json), ...SEEDS.map(wire)],
  work: { base: 50_000, perByte: 300 },
  async run(input) {
    const envelope = await tolerate(EXPECTED, () => Envelope.deserialize(draftOf(input)));
    if (envelope === undefined) return;
    const again = Envelope.deserialize(envelope.serialize());
    if (!isDeepStrictEqual(membersOf(again), membersOf(envelope)))
      throw new Error("An envelope is another when it is written and read again");
    await readA2a(envelope);
    await readMcp(envelope);
  },
});

async function readA2a(envelope: Envelope): Promise<void> {
  const call = await tolerate(EXPECTED, () => readCallEnvelope(envelope));
  if (call !== undefined) await tolerate(EXPECTED, () => callEnvelope(call, envelope.payload));
  const payload = await tolerate([SyntaxError], () => JSON.parse(Buffer.from(envelope.payload).toString()) as never);
  if (payload === undefined) return;
  const message = await tolerate(EXPECTED, () => readMessage(payload));
  if (message !== undefined) await tolerate(EXPECTED, () => writeMessage(message));
}

async function readMcp(envelope: Envelope): Promise<void> {
  await tolerate(EXPECTED, () => readJsonRpc(envelope.payload, 100_000));
  if (envelope.protocol !== Protocol.MCP) return;
  const address = await tolerate(EXPECTED, () => readMcpAddress(envelope));
  if (address !== undefined) await tolerate(EXPECTED, () => mcpEnvelope(address, envelope.payload));
}
