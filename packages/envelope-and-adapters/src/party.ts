import type { ReceivedEnvelope } from "./port.ts";

/** What a channel says of the sender of an envelope. */
export interface Sender {
  readonly sender?: ReceivedEnvelope["sender"] | undefined;
  readonly senderKey?: ReceivedEnvelope["senderKey"] | undefined;
}

/** One party that is expected. Where both are given, both must be right. */
export interface ExpectedPeer {
  readonly peer?: string | undefined;
  readonly peerKey?: string | undefined;
}

/**
 * One text per party, to own sessions and calls by: by its key where the channel has keys, else by its name. `undefined` where the channel
 * can't tell.
 */
export function partyOf({ sender, senderKey }: Sender): string | undefined {
  if (senderKey !== undefined) return `${KEY}${senderKey}`;
  // No name stands for a key.
  return sender?.startsWith(KEY) === true ? `name ${sender}` : sender;
}

/** Whether a sender is the one that is expected; anybody is where none is. */
export function isPeer({ peer, peerKey }: ExpectedPeer, { sender, senderKey }: Sender): boolean {
  return (peer === undefined || sender === peer) && (peerKey === undefined || senderKey === peerKey);
}

const KEY = "key ";
