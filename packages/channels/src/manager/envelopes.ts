import { Envelope } from "@parley/envelope-and-adapters";
import type { ChannelMessage } from "../channel/message.ts";

const known = new WeakMap<ChannelMessage, Envelope>();

/** A message as an envelope; what is none is the payload of a RAW one. Read once, however often it is asked for. */
export function envelopeOf(message: ChannelMessage): Envelope {
  const envelope = known.get(message) ?? Envelope.wrap(message.data);
  known.set(message, envelope);
  return envelope;
}
