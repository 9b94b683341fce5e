import { protocolOf } from "@parley/core";
import { canonicalDid } from "@parley/did";
import { coversDid, readDidPattern } from "../../identity/did-pattern.ts";
import type { CredentialDemand, Policy } from "./policy-options.ts";
import type { SenderCredential } from "./sender-presentation.ts";

/** The parts of a message that policies use. */
export interface AccessRequest {
  readonly sender: string;
  readonly recipient: string;
  readonly type: string;
  readonly credentials: readonly SenderCredential[];
}

/** Decision of the policies on a message. */
export type PolicyDecision =
  | { readonly kind: "authorized" }
  /** Delivered, with `authorized: false` in its context. */
  | { readonly kind: "flagged" }
  | { readonly kind: "denied" }
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
  #policies: readonly Policy[];

  /** @param policies valid ones; see `POLICIES`. */
  constructor(policies: readonly Policy[] = []) {
    this.#policies = policies.map(canonical);
  }

  /** Replaces all policies. Messages that are accepted from now on are judged by them. @param policies valid ones; see `POLICIES`. */
  replace(policies: readonly Policy[]): void {
    this.#policies = policies.map(canonical);
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
  if (protocols === undefined) return true;
  const protocol = protocolOf(type);
  return protocols.some((pattern) => matches(pattern, type) || (protocol !== undefined && matches(pattern, protocol)));
}

function judgeBy({ allow, deny, credentials = [], enforce = true }: Policy, request: AccessRequest): PolicyDecision {
  const { sender } = request;
  if (denies(deny, sender) || (allow !== undefined && !covers(allow, sender))) return enforce ? DENIAL : FLAGGED;
  const missing = credentials.filter((demand) => !request.credentials.some((credential) => meets(credential, demand)));
  if (missing.length === 0) return AUTHORIZED;
  return enforce ? { kind: "missing", missing } : FLAGGED;
}

const RANKS: Readonly<Record<PolicyDecision["kind"], number>> = { authorized: 0, flagged: 1, missing: 2, denied: 3 };

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
function canonical({ did, allow, deny, credentials, ...policy }: Policy): Policy {
  return {
    ...policy,
    did: canonicalPattern(did),
    ...(allow !== undefined && { allow: allow.map(canonicalPattern) }),
    ...(deny !== undefined && { deny: deny.map(canonicalPattern) }),
    ...(credentials && { credentials: credentials.map(({ type, issuers }) => ({ type, issuers: issuers.map(canonicalPattern) })) }),
  };
}

function canonicalPattern(pattern: string): string {
  return pattern === "*" ? pattern : readDidPattern(pattern, "policies");
}
