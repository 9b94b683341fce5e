import { isDeepStrictEqual } from "node:util";
import { Code } from "../../../../packages/skytale-relay/gen/skytale/relay/v1/relay_pb.js";
import { decodeClientFrame, encodeClientFrame, type ClientFrame } from "../../../../packages/skytale-relay/src/wire/client-frame.ts";
import { FrameError } from "../../../../packages/skytale-relay/src/wire/frame-error.ts";
import { decodeMessage, encodeMessage, type OutgoingMessage } from "../../../../packages/skytale-relay/src/wire/message-codec.ts";
import { decodeRange, encodeRange } from "../../../../packages/skytale-relay/src/wire/range-codec.ts";
import { decodeServerFrame, encodeAcks, encodeControl, encodeDelivery } from "../../../../packages/skytale-relay/src/wire/server-frame.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";

const some = new Uint8Array([1, 2, 3]);
const message = encodeMessage({ kind: "commit", epoch: 3n, payload: some, key: some, supersedes: 7, recipients: [some, some] });

const clientFrame: ClientFrame = {
  token: "token",
  subscribes: [{ subscription: 1, channel: "acme/team/general", from: 5, credit: 300 }],
  unsubscribes: [1],
  credits: [{ subscription: 1, amount: 300 }],
  publishes: [{ channel: "acme/team/general", firstNumber: 9, messages: [message, message] }],
  ping: 1,
};

type ServerFrame = ReturnType<typeof decodeServerFrame>;

function encodeServerFrame(frame: ServerFrame): Uint8Array {
  return Buffer.concat([encodeControl(frame), ...frame.deliveries.map(encodeDelivery), encodeAcks(frame.acks)]);
}

const serverFrame: ServerFrame = {
  opened: { maxPayloadBytes: 1, maxFrameBytes: 2, maxSubscriptions: 3, tokenLifetimeMs: 4, idleTimeoutMs: 5 },
  tokenLifetimeMs: 1000,
  subscribed: [{ subscription: 1, next: 2, head: 3 }],
  ended: [{ subscription: 1, code: Code.INVALID_ARGUMENT, first: 9 }],
  deliveries: [{ subscription: 1, cost: 5, first: 2, messages: [message] }],
  acks: [{ firstNumber: 1, count: 2, firstSequence: 300, logEpoch: 5n, repeated: true }],
  nacks: [{ number: 1, code: Code.INVALID_ARGUMENT, currentEpoch: 5n, winner: 7 }],
  pong: 4,
  draining: true,
};

/** A message that a publisher may send: of a known kind, and without the relay's timestamp. */
function readMessage(bytes: Uint8Array): OutgoingMessage | undefined {
  const { kind, recordedAt: _, ...others } = decodeMessage(bytes);
  return kind && { kind, ...others };
}

/** What is on the wire, with how it is read and written. */
const WIRES: readonly { sample: Uint8Array; read: (bytes: Uint8Array) => unknown; write: (value: never) => Uint8Array }[] = [
  { sample: encodeClientFrame(clientFrame), read: decodeClientFrame, write: encodeClientFrame },
  { sample: encodeServerFrame(serverFrame), read: decodeServerFrame, write: encodeServerFrame },
  {
    sample: encodeRange({ first: 1, messages: [message], head: { first: 1, next: 2 } }),
    read: decodeRange,
    write: encodeRange,
  },
  { sample: message, read: readMessage, write: encodeMessage },
];

/** Buffers and arrays of bytes alike; without members that are undefined, and what generated code adds. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (name.startsWith("$") || member === undefined ? [] : [[name, plain(member)]])),
  );
}

/** The relay's frames, ranges and messages: the first byte selects the codec. A decoded value must be the same after encoding and decoding it again. */
export const open: OpenTarget = async () => ({
  format: "bytes",
  seeds: WIRES.map(({ sample }, index) => Uint8Array.of(index, ...sample)),
  work: { base: 20_000, perByte: 100 },
  async run(input) {
    const wire = WIRES[(input[0] ?? 0) % WIRES.length];
    if (wire === undefined) return;
    const value = await tolerate([FrameError], () => wire.read(input.subarray(1)));
    if (value === undefined) return;
    const again = wire.read(wire.write(value as never));
    if (!isDeepStrictEqual(plain(again), plain(value))) throw new Error("A frame is another when it is written and read again");
  },
});
