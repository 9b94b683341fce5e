import { protocolOf } from "@parley/core";
import type { OptionCheck } from "@parley/core/internal";
import { listOf, option, options, type OptionSchema, text, trueOrFalse } from "@parley/server-kit";
import { isDidPattern } from "../../identity/did-pattern.ts";

/** A credential that a sender must present. */
export interface CredentialDemand {
  /** A type that the credential must have, such as `EmployeeCredential`. Required. */
  readonly type: string;
  /** Accepted issuers: DIDs, or prefixes that end with `:*`. `["*"]` accepts any issuer, the sender included. Required. */
  readonly issuers: readonly string[];
}

/** A rule for messages to an agent. */
export interface Policy {
  /** The recipients: a DID, a prefix that ends with `:*`, or `*` for all. `allow`, `deny` and `issuers` have the same syntax. Required. */
  readonly did: string;
  /** The messages it applies to: protocols or message types, or prefixes with a trailing `*`. Default: all. */
  readonly protocols?: readonly string[];
  /** Senders that are accepted. Default: all; with `grantIssuers`, none without a grant. */
  readonly allow?: readonly string[];
  /**
   * Senders that are rejected, also those that `allow` names. An entry for a did:web host without a port covers all of its ports. Default:
   * none.
   */
  readonly deny?: readonly string[];
  /**
   * Credentials that the sender must present with each message, problem reports included. All are required. The node's own reports need
   * none. Default: none.
   */
  readonly credentials?: readonly CredentialDemand[];
  /**
   * Issuers whose grants let other senders than those of `allow` send: DIDs, prefixes that end with `:*`, or `"recipient"` for the recipient's
   * own DID. `["*"]` accepts a grant of anyone, the sender included. Default: grants are not considered.
   */
  readonly grantIssuers?: readonly string[];
  /**
   * How the policy treats messages that an agent has encrypted for another, both of which hold their keys themselves: the node sees sender and recipient only.
   * `require` denies all other messages, `forbid` denies these. `allow` lets the sender decide alone (`allow`, `deny`). Default: the policy applies whatever
   * its `protocols` are, and `credentials` and grants count as missing.
   */
  readonly encrypted?: "allow" | "require" | "forbid";
  /**
   * Whether a message that violates the policy is denied. With `false` it is delivered with `authorized: false` in its context, and the
   * agent decides. Default `true`.
   */
  readonly enforce?: boolean;
}

/** Entry of `grantIssuers` that stands for the DID of the recipient. */
export const RECIPIENT = "recipient";

const IS_PATTERN: OptionCheck = {
  expected: 'a DID, a prefix of DIDs that ends with ":*", or "*"',
  is: (value) => value === "*" || isDidPattern(value),
  isPublic: true,
};
const IS_ISSUERS: OptionCheck = {
  expected: 'a list of issuers that is not empty: DIDs, prefixes of DIDs that end with ":*", or ["*"] for any issuer',
  is: (value) => Array.isArray(value) && value.length > 0 && value.every((entry) => IS_PATTERN.is(entry)),
};
const IS_GRANT_ISSUERS: OptionCheck = {
  expected: `a list of issuers of grants that is not empty: DIDs, prefixes of DIDs that end with ":*", "${RECIPIENT}", or ["*"] for any issuer`,
  is: (value) => Array.isArray(value) && value.length > 0 && value.every((entry) => entry === RECIPIENT || IS_PATTERN.is(entry)),
};
const IS_ENCRYPTED: OptionCheck = {
  expected: '"allow", "require" or "forbid"',
  is: (value) => value === "allow" || value === "require" || value === "forbid",
  isPublic: true,
};
/** A pattern that matches nothing would protect nothing. */
const IS_PROTOCOL: OptionCheck = {
  expected: "a protocol such as https://layr8.io/protocols/echo/1.0, a message type, or a prefix of them with a trailing *",
  is: (value) => typeof value === "string" && (value.endsWith("*") || isProtocolOrType(value)),
  isPublic: true,
};

/** The schema of the option `policies`. */
export const POLICIES: OptionSchema<readonly Policy[]> = listOf(
  options<Policy>({
    did: option<string>(IS_PATTERN),
    protocols: listOf(option<string>(IS_PROTOCOL)).optional(),
    allow: listOf(option<string>(IS_PATTERN)).optional(),
    deny: listOf(option<string>(IS_PATTERN)).optional(),
    credentials: listOf(options<CredentialDemand>({ type: text(), issuers: option<readonly string[]>(IS_ISSUERS) })).optional(),
    grantIssuers: option<readonly string[]>(IS_GRANT_ISSUERS).optional(),
    encrypted: option<"allow" | "require" | "forbid">(IS_ENCRYPTED).optional(),
    enforce: trueOrFalse().optional(),
  }),
);

/** `protocolOf` accepts message types only, so a protocol is tested with a message appended. */
function isProtocolOrType(value: string): boolean {
  return protocolOf(value) !== undefined || protocolOf(`${value}/message`) !== undefined;
}
