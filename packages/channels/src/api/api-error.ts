import { isJsonObject, type ParleyError } from "@parley/core";
import { AuthError, ChannelError, TransportError, type AuthErrorCode, type ChannelErrorCode } from "../errors.ts";
import { InviteError, type InviteErrorCode } from "../invites/invite-error.ts";

/** A response of the API server with an error status. */
export interface ApiErrorResponse {
  readonly status: number;
  /** The parsed body; `undefined` if it is not JSON. */
  readonly body: unknown;
  /** The API key, which is removed from the message if the server echoes it. */
  readonly secret: string;
  /** Name and URL of the server, for error messages. */
  readonly server: string;
}

const AUTH: ReadonlyMap<string, AuthErrorCode> = new Map([
  ["unauthorized", "auth_failed"],
  ["token_invalid", "auth_failed"],
  ["key_invalid", "auth_key_invalid"],
  ["key_required", "api_key_required"],
  ["signup_closed", "unauthorized"],
]);
const CHANNEL: ReadonlyMap<string, ChannelErrorCode> = new Map([
  ["malformed_request", "bad_request"],
  ["invalid_channel_name", "bad_request"],
  ["too_large", "bad_request"],
  ["not_found", "not_found"],
  ["join_unknown", "not_found"],
  ["channel_exists", "channel_exists"],
  ["org_taken", "org_taken"],
  ["id_taken", "channel_error"],
  ["already_answered", "already_answered"],
  ["limit_reached", "limit_reached"],
]);
const INVITE: ReadonlyMap<string, InviteErrorCode> = new Map([
  ["invite_unknown", "invite_unknown"],
  ["invite_expired", "invite_expired"],
  ["invite_exhausted", "invite_exhausted"],
  ["invite_revoked", "invite_revoked"],
  ["join_expired", "join_expired"],
]);
/** Advice by error code of the server. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ["invite_unknown", "check the name of the channel, and copy the whole token"],
  ["invite_expired", "ask a member for another invite"],
  ["invite_exhausted", "ask a member for another invite, with more uses (maxUses)"],
  ["invite_revoked", "ask a member for another invite"],
  ["join_expired", "ask to join again"],
  ["key_invalid", "use an API key of this server (skytale-server keys create makes one)"],
  ["token_invalid", "API keys begin with sk_live_ or sk_test_"],
]);
const MAX_MESSAGE = 300;

/** Maps an error response to a public error, by the server's error code, otherwise by the status. */
export function toApiError({ status, body, secret, server }: ApiErrorResponse): ParleyError {
  const { error, code } = isJsonObject(body) ? body : {};
  const name = typeof code === "string" ? code : "";
  const remedy = REMEDIES.get(name);
  const text = typeof error === "string" && error !== "" ? printable(error.replaceAll(secret, "…")) : `it answered ${status}`;
  /** The server's message with a suffix and the advice. */
  const describe = (more: string): string => `${text}${more}${remedy === undefined ? "" : `: ${remedy}`}`;
  const auth = AUTH.get(name);
  if (auth !== undefined) return new AuthError(auth, describe(` (${server})`));
  const channel = CHANNEL.get(name);
  // The same message as from the local check of the name.
  if (channel !== undefined) return new ChannelError(channel, describe(name === "invalid_channel_name" ? "" : ` (${server})`));
  const invite = INVITE.get(name);
  if (invite !== undefined) return new InviteError(invite, describe(` (${server})`));
  return byStatus(status, describe(` (${server})`), server);
}

/** Maps unknown codes by status (https://www.rfc-editor.org/rfc/rfc9110#section-15). */
function byStatus(status: number, message: string, server: string): ParleyError {
  if (status === 401) return new AuthError("auth_key_invalid", message);
  if (status === 403) return new AuthError("unauthorized", message);
  if (status === 429 || status >= 500) return new TransportError("connection_error", message);
  if (status === 404) return new ChannelError("not_found", message);
  if (status >= 400) return new ChannelError("bad_request", message);
  return new TransportError("transport_error", `${server} answered ${status}; redirects are not followed`);
}

function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").slice(0, MAX_MESSAGE);
}
