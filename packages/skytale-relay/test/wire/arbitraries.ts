import fc from "fast-check";
import { Code } from "../../gen/skytale/relay/v1/relay_pb.js";
import type { Kind } from "../../src/kind.ts";
import type { ClientFrame } from "../../src/wire/client-frame.ts";
import type { OutgoingMessage } from "../../src/wire/message-codec.ts";
import type { ServerFrame } from "../../src/wire/server-frame.ts";

/** Numbers of every varint length. */
export const counter: fc.Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc.integer({ min: 0, max: 53 }).map((bits) => 2 ** bits - 1),
  fc.maxSafeNat(),
);
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const epoch: fc.Arbitrary<bigint> = fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n - 1n));
const bytes = fc.uint8Array({ maxLength: 300 });
const text = fc.string({ maxLength: 40, unit: "grapheme" });

const kind: fc.Arbitrary<Kind> = fc.constantFrom("application", "commit", "proposal", "welcome");

export const outgoing: fc.Arbitrary<OutgoingMessage> = fc.record({
  kind,
  epoch,
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  key: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  supersedes: counter,
  recipients: fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 4 }),
});

const messages = fc.array(bytes, { maxLength: 5 });

export const clientFrame: fc.Arbitrary<ClientFrame> = fc.record({
  token: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  subscribes: fc.array(fc.record({ subscription: uint32, channel: text, from: counter, credit: counter, takesEvicted: fc.boolean() }), {
    maxLength: 3,
  }),
  unsubscribes: fc.array(uint32, { maxLength: 3 }),
  credits: fc.array(fc.record({ subscription: uint32, amount: counter }), { maxLength: 3 }),
  publishes: fc.array(fc.record({ channel: text, firstNumber: counter, messages }), { maxLength: 3 }),
  ping: counter,
});

const code = fc.constantFrom(Code.INVALID_ARGUMENT, Code.EPOCH_TAKEN, Code.INTERNAL);

export const serverFrame: fc.Arbitrary<ServerFrame> = fc.record({
  opened: fc.option(
    fc.record({
      maxPayloadBytes: uint32,
      maxFrameBytes: uint32,
      maxSubscriptions: uint32,
      tokenLifetimeMs: counter,
      idleTimeoutMs: uint32,
    }),
    { nil: undefined },
  ),
  tokenLifetimeMs: fc.option(counter, { nil: undefined }),
  subscribed: fc.array(fc.record({ subscription: uint32, next: counter, head: counter }), { maxLength: 3 }),
  ended: fc.array(fc.record({ subscription: uint32, code, first: counter }), { maxLength: 3 }),
  deliveries: fc.array(
    fc.record({
      subscription: uint32,
      cost: uint32,
      first: counter,
      messages,
      next: fc.option(
        counter.map((number) => Math.max(1, number)),
        { nil: undefined },
      ),
    }),
    { maxLength: 3 },
  ),
  acks: fc.array(fc.record({ firstNumber: counter, count: uint32, firstSequence: counter, logEpoch: epoch, repeated: fc.boolean() }), {
    maxLength: 3,
  }),
  nacks: fc.array(fc.record({ number: counter, code, currentEpoch: epoch, winner: counter }), { maxLength: 3 }),
  pong: counter,
  draining: fc.boolean(),
});

/** Damaged bytes: truncated, extended, or with a flipped bit. */
export function damaged(whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(whole, fc.nat(), fc.nat(2), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([bytes, place, how, extra]) => {
    if (bytes.length === 0 || how === 0) return Uint8Array.from([...bytes, ...extra]);
    const at = place % bytes.length;
    if (how === 1) return bytes.subarray(0, at);
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (place % 8));
    return flipped;
  });
}
