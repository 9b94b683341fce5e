import { encodeBase64url } from "@parley/core/internal";
import { Envelope, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { identityName } from "../channel/identity-name.ts";

const known = new WeakMap<ChannelMessage, Received>();

interface Received extends ReceivedEnvelope {
  readonly sender: string;
  readonly id: string;
  within?: <T>(work: () => T) => T;
}

/** A message as received by adapters. A message without an envelope becomes the payload of a RAW envelope. Cached per message. */
export function receivedOf(message: ChannelMessage): Received {
  const found = known.get(message);
  if (found !== undefined) return found;
  const { data, sender, senderKey, id } = message;
  // Messages stored by an earlier version have no key.
  const key = senderKey.length === 0 ? {} : { senderKey: encodeBase64url(senderKey) };
  const received: Received = { envelope: Envelope.wrap(data), sender: identityName(sender), ...key, id };
  known.set(message, received);
  return received;
}

/** A message as an envelope. */
export function envelopeOf(message: ChannelMessage): Envelope {
  return receivedOf(message).envelope;
}
