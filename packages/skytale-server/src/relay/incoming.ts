import { decodeMessage, FrameError, type WireMessage } from "@parley/skytale-relay/internal";
import type { CommitClaim } from "../log/channel-log.ts";

const MAX_NAMED_BYTES = 64;
const MAX_RECIPIENTS = 1024;
const MAX_CHANNEL_BYTES = 512;

/** A published message, checked. */
export type Incoming =
  | {
      readonly type: "entry";
      readonly encoded: Uint8Array;
      readonly key: string;
      readonly commit?: CommitClaim;
      /** Members need it to follow the group: a commit or a proposal. */
      readonly isHandshake: boolean;
    }
  | { readonly type: "welcome"; readonly recipients: readonly Uint8Array[]; readonly payload: Uint8Array };

/** Whether a log can store a channel's name. {@link Access} decides about further requirements. */
export function isChannelName(name: string): boolean {
  return name !== "" && Buffer.byteLength(name) <= MAX_CHANNEL_BYTES && !name.includes("\0");
}

/** Reads a published message; undefined when it breaks a rule of the contract. */
export function readIncoming(encoded: Uint8Array, maxPayloadBytes: number): Incoming | undefined {
  const message = decode(encoded);
  if (message === undefined) return undefined;
  const { kind, epoch, payload, key, supersedes, recipients, evicted } = message;
  if (kind === undefined || evicted > 0 || payload.length === 0 || payload.length > maxPayloadBytes || !isName(key)) return undefined;
  if (kind === "welcome") {
    const addressed = recipients.length > 0 && recipients.length <= MAX_RECIPIENTS && recipients.every(isName);
    return addressed ? { type: "welcome", recipients: recipients.map(copy), payload: copy(payload) } : undefined;
  }
  // Unknown fields are allowed, up to the size of the message itself.
  if (recipients.length > 0 || encoded.length > payload.length + MAX_OVERHEAD) return undefined;
  const entry = { type: "entry" as const, encoded, key: latin1(key), isHandshake: kind !== "application" };
  if (kind === "commit") return { ...entry, commit: supersedes === 0 ? { epoch } : { epoch, supersedes } };
  return supersedes === 0 ? entry : undefined;
}

/** Bytes of a message without its payload. */
const MAX_OVERHEAD = 1024;

function decode(encoded: Uint8Array): WireMessage | undefined {
  try {
    return decodeMessage(encoded);
  } catch (error) {
    if (error instanceof FrameError) return undefined;
    throw error;
  }
}

function isName(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length <= MAX_NAMED_BYTES;
}

function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
