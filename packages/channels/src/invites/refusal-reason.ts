import { InviteError } from "./invite-error.ts";

/** The reason of a refusal that has a code of its own at the joiner. The API server passes reasons on as text, of up to 200 characters. */
export const IDENTITY_TAKEN_REASON = "identity_taken: another member goes by the identity of this agent";

/** The error that a member's refusal is to the joiner. */
export function refusalError(channel: string, reason: string | undefined): InviteError {
  if (reason?.startsWith("identity_taken") !== true) {
    return new InviteError("join_refused", `a member of ${channel} refused the request: ${reason ?? "no reason given"}`);
  }
  const advice =
    "choose another one, have a member remove the former agent first (removeMember), or allow it at all agents (allowSameIdentity)";
  return new InviteError("identity_taken", `another member of ${channel} goes by the identity of this agent: ${advice}`);
}
