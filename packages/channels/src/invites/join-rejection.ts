import { InviteError } from "./invite-error.ts";

/** The reason of a refusal that has a code of its own at the joiner. The API server passes reasons on as text, of up to 200 characters. */
export const IDENTITY_TAKEN_REASON = "identity_taken: another member goes by the identity of this agent";

/** As {@link IDENTITY_TAKEN_REASON}. */
export const IDENTITY_MISMATCH_REASON = "identity_mismatch: the invite is for another identity";

/** The error that a member's refusal is to the joiner. */
export function joinRejectionError(channel: string, reason: string | undefined): InviteError {
  if (reason?.includes(IDENTITY_MISMATCH_REASON) === true) {
    const advice = "join with the identity that it was made for, or ask for another invite";
    return new InviteError("identity_mismatch", `the invite to ${channel} is for another identity than this agent's: ${advice}`);
  }
  if (reason?.startsWith("identity_taken") !== true) {
    return new InviteError("join_refused", `a member of ${channel} refused the request: ${reason ?? "no reason given"}`);
  }
  const advice =
    "choose another one, have a member remove the former agent first (removeMember), or allow it at all agents (allowSameIdentity)";
  return new InviteError("identity_taken", `another member of ${channel} goes by the identity of this agent: ${advice}`);
}
