import { protocolOf } from "@parley/core";
import { canonicalDid } from "@parley/did";
import { WRAPPER_TYPE } from "@parley/didcomm-crypto";
import { coversDid, readDidPattern } from "../../identity/did-pattern.ts";
import type { ConsideredGrant, GrantEvidence } from "./grants/message-grants.ts";
import { RECIPIENT, type CredentialDemand, type Policy } from "./policy-options.ts";
import type { SenderCredential } from "./sender-presentation.ts";

/** The parts of a message that policies use. */
export interface AccessRequest {
  readonly sender: string;
  readonly recipient: string;
  readonly type: string;
  readonly credentials: readonly SenderCredential[];
  readonly grants: GrantEvidence;
}

/** Why no grant permits a message to an agent whose policy requires one. */
export interface GrantRefusal {
  /** Issuers whose grants the policy accepts: DIDs or patterns. */
  readonly issuers: readonly string[];
  /** The credentials attached to the message. May be empty. */
  readonly considered: readonly ConsideredGrant[];
}

/** Decision of the policies on a message. */
export type PolicyDecision =
  | { readonly kind: "authorized" }
  /** Delivered, with `authorized: false` in its context. */
  | { readonly kind: "flagged" }
  /** `because`: only due to `encrypted` of the policy. */
  | { readonly kind: "denied"; readonly because?: "encrypted" | "not_encrypted" }
  /** Denied because no grant permits the message. */
  | { readonly kind: "ungranted"; readonly refusal: GrantRefusal }
  /** Denied only because credentials are missing. */
  | { readonly kind: "missing"; readonly missing: readonly CredentialDemand[] };

/** A policy that applies to a message. */
export interface ExplainedPolicy {
  /** Its place in the list of policies. */
  readonly index: number;
  /** The agents it applies to. */
  readonly did: string;
  readonly decision: PolicyDecision;
}

/** Problem code of a denial by policy. */
export const DENIED = "e.m.authz.denied";

const AUTHORIZED: PolicyDecision = { kind: "authorized" };
const FLAGGED: PolicyDecision = { kind: "flagged" };
const DENIAL: PolicyDecision = { kind: "denied" };

/** Evaluates the policies. Every applicable policy must accept a message. */
export class Policies {
  #policies: readonly Policy[] = [];
  #considerGrants = false;

  /** @param policies valid ones; see `POLICIES`. */
  constructor(policies: readonly Policy[] = []) {
    this.replace(policies);
  }

  /** Replaces all policies. Messages that are accepted from now on are judged by them. @param policies valid ones; see `POLICIES`. */
  replace(policies: readonly Policy[]): void {
    this.#policies = policies.map(canonical);
    this.#considerGrants = policies.some(({ grantIssuers }) => grantIssuers !== undefined);
  }

  /** Whether a policy considers grants. */
  get considerGrants(): boolean {
    return this.#considerGrants;
  }

  get size(): number {
    return this.#policies.length;
  }

  /** The decision of each policy that applies to a message, for the console. */
  explain(request: AccessRequest): readonly ExplainedPolicy[] {
    return this.#policies.flatMap((policy, index) =>
      applies(policy, request) ? [{ index, did: policy.did, decision: judgeBy(policy, request) }] : [],
    );
  }

  judge(request: AccessRequest): PolicyDecision {
    if (this.#policies.length === 0) return AUTHORIZED;
    let verdict = AUTHORIZED;
    for (const policy of this.#policies) {
      if (applies(policy, request)) verdict = worse(verdict, judgeBy(policy, request));
    }
    return verdict;
  }
}

function applies({ did, protocols }: Policy, { recipient, type }: AccessRequest): boolean {
  if (!coversDid(did, recipient)) return false;
  // Which protocol an encrypted message belongs to is not visible.
  if (protocols === undefined || type === WRAPPER_TYPE) return true;
  const protocol = protocolOf(type);
  return protocols.some((pattern) => matches(pattern, type) || (protocol !== undefined && matches(pattern, protocol)));
}

function judgeBy(policy: Policy, request: AccessRequest): PolicyDecision {
  const { allow, deny, encrypted, grantIssuers, credentials = [], enforce = true } = policy;
  const { sender, type } = request;
  const isEncrypted = type === WRAPPER_TYPE;
  if (encrypted === (isEncrypted ? "forbid" : "require"))
    return enforce ? { kind: "denied", because: isEncrypted ? "encrypted" : "not_encrypted" } : FLAGGED;
  if (denies(deny, sender)) return enforce ? DENIAL : FLAGGED;
  if (isEncrypted && encrypted === "allow") return allow === undefined || covers(allow, sender) ? AUTHORIZED : enforce ? DENIAL : FLAGGED;
  if (grantIssuers !== undefined && !covers(allow, sender)) {
    const refusal = checkGrants(grantIssuers, request);
    if (refusal !== undefined) return enforce ? { kind: "ungranted", refusal } : FLAGGED;
  } else if (allow !== undefined && !covers(allow, sender)) return enforce ? DENIAL : FLAGGED;
  const missing = credentials.filter((demand) => !request.credentials.some((credential) => meets(credential, demand)));
  if (missing.length === 0) return AUTHORIZED;
  return enforce ? { kind: "missing", missing } : FLAGGED;
}

/** @returns `undefined` if a grant permits the request. The resource of a message is its recipient. */
function checkGrants(grantIssuers: readonly string[], { sender, recipient, type, grants }: AccessRequest): GrantRefusal | undefined {
  const issuers = grantIssuers.map((issuer) => (issuer === RECIPIENT ? recipient : issuer));
  const isTrusted = (issuer: string): boolean => covers(issuers, issuer);
  const request = { type, resource: recipient, sender };
  return grants.permit(request, isTrusted) ? undefined : { issuers, considered: grants.explain(request, isTrusted) };
}

const RANKS: Readonly<Record<PolicyDecision["kind"], number>> = { authorized: 0, flagged: 1, missing: 2, ungranted: 3, denied: 4 };

function worse(first: PolicyDecision, second: PolicyDecision): PolicyDecision {
  if (first.kind === "missing" && second.kind === "missing") return { kind: "missing", missing: [...first.missing, ...second.missing] };
  return RANKS[second.kind] > RANKS[first.kind] ? second : first;
}

function meets(credential: SenderCredential, { type, issuers }: CredentialDemand): boolean {
  return credential.types.includes(type) && covers(issuers, credential.issuer);
}

function covers(patterns: readonly string[] | undefined, did: string): boolean {
  if (patterns === undefined) return false;
  const canonical = canonicalDid(did) ?? did;
  return patterns.some((pattern) => coversDid(pattern, canonical));
}

/** A denied host is denied on every port: a pattern without a port matches all. */
function denies(patterns: readonly string[] | undefined, did: string): boolean {
  return covers(patterns, did) || covers(patterns, did.replace(/^(did:web:[^:%]+)%3A\d+/, "$1"));
}

function matches(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
}

/** A policy with its DIDs in the canonical spelling. */
function canonical({ did, allow, deny, credentials, grantIssuers, ...policy }: Policy): Policy {
  return {
    ...policy,
    did: canonicalPattern(did),
    ...(allow !== undefined && { allow: allow.map(canonicalPattern) }),
    ...(deny !== undefined && { deny: deny.map(canonicalPattern) }),
    ...(grantIssuers !== undefined && {
      grantIssuers: grantIssuers.map((issuer) => (issuer === RECIPIENT ? issuer : canonicalPattern(issuer))),
    }),
    ...(credentials && { credentials: credentials.map(({ type, issuers }) => ({ type, issuers: issuers.map(canonicalPattern) })) }),
  };
}

function canonicalPattern(pattern: string): string {
  return pattern === "*" ? pattern : readDidPattern(pattern, "policies");
}
