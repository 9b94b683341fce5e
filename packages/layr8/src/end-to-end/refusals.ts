import type { EndToEndErrorCode } from "./end-to-end-error.ts";

/** What senders get to know of messages that are refused. The texts of the errors are for this agent alone. */
export const REFUSALS: Readonly<Partial<Record<EndToEndErrorCode, string>>> = {
  undecryptable: "The recipient can't decrypt the message: it no longer has the key, or the message was changed or forged on its way",
  sender_mismatch: "The recipient was given another sender than the one that has encrypted the message",
  not_encrypted: "The recipient holds its keys itself, and takes only messages that are encrypted for it",
  key_changed:
    "The recipient remembers other keys of the sender, which have not signed the present ones: its owner can accept these with trustKeys",
  too_many_peers: "The recipient remembers the keys of too many other agents to take those of another one",
  too_old: "The message is older than others that are no longer remembered",
  expired: "The message expired before it was delivered",
  presentation_refused: "The credentials of the sender are refused",
};
