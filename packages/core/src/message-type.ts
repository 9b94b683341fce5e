/** The parts of a message-type URI such as `https://layr8.io/protocols/echo/1.0/request`. */
export interface MessageType {
  /** Protocol base URI: everything before the message's name, `https://layr8.io/protocols/echo/1.0`. */
  readonly protocol: string;
  /** Protocol name, `echo`. */
  readonly protocolName: string;
  /** Protocol version, `1.0`. */
  readonly version: string;
  /** Message name, `request`. */
  readonly name: string;
}

const MESSAGE_TYPE = /^(?<protocol>\S+[/:;](?<protocolName>[A-Za-z0-9._-]+)\/(?<version>\d[^/\s]*))\/(?<name>[A-Za-z0-9._-]+)$/;

/** Longest message-type URI that is read, in characters. */
export const MAX_TYPE_LENGTH = 1024;

/**
 * Splits a message-type URI into its parts. Returns `undefined` for any other text.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#message-type-uri | DIDComm v2.1, Message Type URI}
 * @example
 * ```ts
 * import { parseMessageType } from "@parley/core";
 *
 * parseMessageType("https://didcomm.org/trust-ping/2.0/ping")?.protocol; // "https://didcomm.org/trust-ping/2.0"
 * ```
 */
export function parseMessageType(type: string): MessageType | undefined {
  if (type.length > MAX_TYPE_LENGTH) return undefined;
  const groups = MESSAGE_TYPE.exec(type)?.groups;
  if (groups === undefined) return undefined;
  const { protocol = "", protocolName = "", version = "", name = "" } = groups;
  return { protocol, protocolName, version, name };
}

/**
 * The protocol base URI of a message type, which agents announce to their node when they connect.
 * `undefined` if the type is not a message-type URI.
 */
export function protocolOf(type: string): string | undefined {
  // Called for every message: a test is faster than a match with groups.
  if (type.length > MAX_TYPE_LENGTH || !MESSAGE_TYPE.test(type)) return undefined;
  return type.slice(0, type.lastIndexOf("/"));
}
