import type { JsonObject, JsonValue } from "@parley/core";
import * as read from "./response-fields.ts";

/** The permission of an account to use a channel, as recorded by the API server. */
export interface AccountGrant {
  readonly accountId: string;
  /** Signature keys of the members that were added with this account, as reported by the members that approved them. */
  readonly memberKeys: readonly Uint8Array[];
}

export function accountGrantOf(grant: JsonObject): AccountGrant {
  const keys = grant["member_keys"];
  const texts: readonly JsonValue[] = Array.isArray(keys) ? keys : [];
  return {
    accountId: read.text(grant, "account_id"),
    memberKeys: texts.flatMap((key) => (typeof key === "string" ? Uint8Array.from(Buffer.from(key, "base64url")) : [])),
  };
}
