import { randomBytes } from "node:crypto";
import { isSignedBy, signWith } from "./ed25519.ts";
import { fields } from "./fields.ts";
import { type Invite, inviteIdOf } from "./invite.ts";

/** A request to join a channel with an invite. The proof shows that the sender holds the invite's secret. */
export interface JoinRequest {
  readonly channel: string;
  readonly inviteId: Uint8Array;
  /** 16 random bytes. */
  readonly requestId: Uint8Array;
  readonly keyPackage: Uint8Array;
  readonly proof: Uint8Array;
}

const REQUEST_ID_BYTES = 16;

/** Creates a request. Its proof is bound to this channel, request id and key package. */
export function createJoinRequest(invite: Invite, channel: string, keyPackage: Uint8Array): JoinRequest {
  const request = { channel, inviteId: invite.id, requestId: Uint8Array.from(randomBytes(REQUEST_ID_BYTES)), keyPackage };
  return { ...request, proof: signWith(invite.privateKey, joinContent(request)) };
}

/** Whether the request was signed with the invite that has this public key, and was not changed since. */
export function hasValidProof(request: JoinRequest, inviteKey: Uint8Array): boolean {
  if (Buffer.compare(inviteIdOf(inviteKey), request.inviteId) !== 0) return false;
  return isSignedBy(inviteKey, joinContent(request), request.proof);
}

function joinContent({ channel, inviteId, requestId, keyPackage }: Omit<JoinRequest, "proof">): Uint8Array {
  return fields("skytale invite join v1", channel, inviteId, requestId, keyPackage);
}
