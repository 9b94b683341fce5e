import type { ReceivedEnvelope } from "./port.ts";

/** The sender of an envelope, according to the channel. */
export interface Sender {
  readonly sender?: ReceivedEnvelope["sender"] | undefined;
  readonly senderKey?: ReceivedEnvelope["senderKey"] | undefined;
}

/** The party whose messages are accepted. If both are set, both must match. */
export interface ExpectedPeer {
  readonly peer?: string | undefined;
  readonly peerKey?: string | undefined;
}

/**
 * Identifies a party, as the owner of sessions and calls: by its key, or by its name on channels without keys. Returns `undefined` if the
 * channel does not know the sender.
 */
export function partyOf({ sender, senderKey }: Sender): string | undefined {
  if (senderKey !== undefined) return `${KEY}${senderKey}`;
  // Prevents a name from being mistaken for a key.
  return sender?.startsWith(KEY) === true ? `name ${sender}` : sender;
}

/** Whether a sender is the expected peer. True for all senders if none is expected. */
export function isPeer({ peer, peerKey }: ExpectedPeer, { sender, senderKey }: Sender): boolean {
  return (peer === undefined || sender === peer) && (peerKey === undefined || senderKey === peerKey);
}

const KEY = "key ";
