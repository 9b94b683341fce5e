import { InviteError } from "./invite-error.ts";

/** A rejection reason that the joiner maps to its own error code. The API server forwards reasons as text of up to 200 characters. */
export const IDENTITY_TAKEN_REASON = "identity_taken: another member has the identity of this agent";

/** As {@link IDENTITY_TAKEN_REASON}. */
export const IDENTITY_MISMATCH_REASON = "identity_mismatch: the invite is for another identity";

/** The joiner's error for a request that a member rejected. */
export function joinRejectionError(channel: string, reason: string | undefined): InviteError {
  if (reason?.includes(IDENTITY_MISMATCH_REASON) === true) {
    const advice = "join with the identity that it was created for, or ask for another invite";
    return new InviteError("identity_mismatch", `the invite to ${channel} is for another identity, not this agent's: ${advice}`);
  }
  if (reason?.startsWith("identity_taken") !== true) {
    return new InviteError("join_refused", `a member of ${channel} rejected the request: ${reason ?? "no reason given"}`);
  }
  const advice =
    "choose another one, have a member remove the former agent first (removeMember), or allow it at all agents (allowSameIdentity)";
  return new InviteError("identity_taken", `another member of ${channel} has the identity of this agent: ${advice}`);
}
