import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Codes of what fails because an agent holds its keys itself (`keys: "agent"`).
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `key_changed` | another agent's DID document has keys that its former key has not signed | no |
 * | `recipient_unresolved` | the recipient's DID document can't be fetched, or has no key for encryption | as its cause |
 * | `undecryptable` | a message can't be decrypted, or its sender can't be verified | as its cause |
 * | `sender_mismatch` | the node has named another sender than the one that has encrypted the message | no |
 * | `not_encrypted` | the node has delivered a message that is not encrypted for this agent | no |
 * | `too_old` | a message was encrypted before others of its sender that are no longer remembered: it may be a replay | no |
 * | `expired` | a message expired before the node delivered it | no |
 * | `presentation_refused` | the sender presents credentials that can't be verified | as its cause |
 * | `too_many_peers` | the keys of too many other agents are remembered | no |
 * | `keys_not_held` | the call needs `keys: "agent"`, or a DID that this client is connected as | no |
 * | `rotation_unsupported` | the key of a did:key can't be rotated | no |
 * | `key_store_in_use` | another process uses the key store | yes |
 * | `key_store_invalid` | the key store is damaged, can't be read or written, or has keys of another DID | as its cause |
 */
export type EndToEndErrorCode =
  | "key_changed"
  | "recipient_unresolved"
  | "undecryptable"
  | "sender_mismatch"
  | "not_encrypted"
  | "too_old"
  | "expired"
  | "presentation_refused"
  | "too_many_peers"
  | "keys_not_held"
  | "rotation_unsupported"
  | "key_store_in_use"
  | "key_store_invalid";

/** A failure that is due to encryption from agent to agent. */
export class EndToEndError extends ParleyError<EndToEndErrorCode> {
  override readonly name: string = "EndToEndError";

  constructor(code: EndToEndErrorCode, message: string, options: ParleyErrorOptions = {}) {
    super(code, message, options);
  }
}
