import type { Grant, GrantScope } from "./grant.ts";

/** What a sender wants to do: one message to one recipient. */
export interface GrantRequest {
  /** Type of the message, a protocol URI, a slash and a name. */
  readonly type: string;
  /** The subject of the message: for a message through a node, the recipient's DID. */
  readonly resource: string;
  /** DID of the sender, proven by the encryption of the message or by its connection. */
  readonly sender: string;
}

/**
 * Why a grant does not permit a message.
 *
 * | code | meaning |
 * | --- | --- |
 * | `holder_mismatch` | the grant belongs to another DID than the sender |
 * | `protocol_not_covered` | no entry of the scope names the protocol |
 * | `message_type_not_covered` | entries name the protocol, but none names this message |
 * | `resource_not_covered` | entries name protocol and message, but none this resource |
 * | `constraint_not_supported` | the grant has a constraint that this program does not evaluate, such as `rego` |
 */
export type GrantMismatchCode =
  | "holder_mismatch"
  | "protocol_not_covered"
  | "message_type_not_covered"
  | "resource_not_covered"
  | "constraint_not_supported";

/** Whether a grant permits a message: with the entry of its scope that does, or the reason. */
export type GrantMatch =
  | { readonly permitted: true; readonly scope: GrantScope }
  | { readonly permitted: false; readonly code: GrantMismatchCode; readonly detail: string };

/**
 * Decides whether a grant permits a message. A grant that was derived from another one needs {@link matchGrantChain}. The grant's signature, validity and status, and whether its issuer may grant this, are not part
 * of the decision.
 *
 * A scope's resource covers the same resource; `foo/*` covers what begins with `foo/`; `foo` also covers `foo/bar`, not `foobar`. A
 * grant with a constraint never permits anything, since no constraint is evaluated here.
 *
 * @see layr8/node-sdk, src/wallet.ts, which matches the same way.
 */
export function matchGrant(grant: Grant, { type, resource, sender }: GrantRequest): GrantMatch {
  if (grant.holder !== sender) return mismatch("holder_mismatch", `it belongs to ${grant.holder}, not to ${sender}`);
  if (grant.constraints.length > 0) {
    return mismatch("constraint_not_supported", `it has constraints that are not evaluated here: ${grant.constraints.join(", ")}`);
  }
  const { protocol, name } = splitMessageType(type);
  const ofProtocol = grant.scope.filter((entry) => entry.protocol === "*" || entry.protocol === protocol);
  if (ofProtocol.length === 0) return mismatch("protocol_not_covered", `its scope does not name the protocol ${protocol}`);
  const ofName = ofProtocol.filter(({ messageTypes }) => messageTypes.includes("*") || messageTypes.includes(name));
  if (ofName.length === 0) return mismatch("message_type_not_covered", `its scope names the protocol, but not the message ${name}`);
  const scope = ofName.find((entry) => covers(entry.resource, resource));
  if (scope === undefined) return mismatch("resource_not_covered", `its scope names the message, but not the resource ${resource}`);
  return { permitted: true, scope };
}

/**
 * Whether one entry of a scope covers a message: the protocol, the name and the resource. Says nothing about holder and constraints; see {@link
 * matchGrant}.
 */
export function scopeCovers(scope: GrantScope, { type, resource }: Pick<GrantRequest, "type" | "resource">): boolean {
  const { protocol, name } = splitMessageType(type);
  if (scope.protocol !== "*" && scope.protocol !== protocol) return false;
  return (scope.messageTypes.includes("*") || scope.messageTypes.includes(name)) && covers(scope.resource, resource);
}

/** Splits a message's type at its last slash. A type without one has an empty name. */
function splitMessageType(type: string): { readonly protocol: string; readonly name: string } {
  const at = type.lastIndexOf("/");
  return at <= 0 ? { protocol: type, name: "" } : { protocol: type.slice(0, at), name: type.slice(at + 1) };
}

/** Whether the resource of a scope covers a message's. */
function covers(granted: string | undefined, resource: string): boolean {
  if (granted === undefined || granted === "*" || granted === resource) return true;
  const prefix = granted.endsWith("/*") ? granted.slice(0, -1) : `${granted}/`;
  return resource.startsWith(prefix);
}

function mismatch(code: GrantMismatchCode, detail: string): GrantMatch {
  return { permitted: false, code, detail };
}
