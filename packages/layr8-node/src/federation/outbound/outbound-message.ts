/** A message for an agent on another node. */
export interface OutboundMessage {
  /** DID of the agent that sends it, hosted here. */
  readonly sender: string;
  /** DID of the agent that it is for, hosted elsewhere. */
  readonly recipient: string;
  /** DIDComm message id: unique for its sender. */
  readonly id: string;
  /** DIDComm message type. */
  readonly type: string;
  /** The DIDComm plaintext: JSON as the sender wrote it. Well-formed Unicode. */
  readonly plaintext: string;
  /** Expiry, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** The message's own `expires_time`, which tells a retry from a duplicate. Not kept with the message. */
  readonly expires?: number | undefined;
  /** Called when it is appended to the store; see `MessageToStore`. Not kept with the message. */
  readonly onAppend?: (() => void) | undefined;
}
