import type { JsonObject } from "@parley/core";
import * as read from "./response-fields.ts";
import type { JoinRequest } from "../invites/join-request.ts";

/** The state of a join request. */
export type JoinState =
  | { readonly status: "pending" | "expired" }
  | { readonly status: "admitted"; readonly welcome: Uint8Array }
  | { readonly status: "refused"; readonly reason: string | undefined };

/** A pending join request with its invite, as returned by the server. Untrusted until `checkJoinRequest` has verified it. */
export interface PendingJoin extends JoinRequest {
  readonly inviteKey: Uint8Array;
  readonly attestation: Uint8Array;
}

export function joinStateOf(answer: JsonObject): JoinState {
  const status = read.text(answer, "status");
  switch (status) {
    case "pending":
    case "expired":
      return { status };
    case "admitted":
      return { status, welcome: read.bytes(answer, "welcome") };
    case "refused":
      return { status, reason: read.optionalText(answer, "reason") };
    default:
      throw new read.ResponseError("names an unknown status of the request");
  }
}

/** @param channel the requested channel. A request for another channel fails the check of its proof. */
export function pendingJoinOf(join: JsonObject, channel: string): PendingJoin {
  const invite = read.object(join, "invite");
  return {
    channel,
    inviteId: read.bytes(join, "invite_id"),
    requestId: read.bytes(join, "request_id"),
    keyPackage: read.bytes(join, "key_package"),
    proof: read.bytes(join, "proof"),
    inviteKey: read.bytes(invite, "invite_key"),
    attestation: invite["attestation"] === undefined ? new Uint8Array() : read.bytes(invite, "attestation"),
  };
}
