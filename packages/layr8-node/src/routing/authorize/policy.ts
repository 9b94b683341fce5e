import { protocolOf } from "@parley/core";
import { rejectUnknownOptions } from "@parley/core/internal";
import { canonicalDid } from "@parley/did";
import { coversDid, readDidPattern } from "../../identity/did-pattern.ts";
import type { SenderCredential } from "./sender-presentation.ts";

/** A credential that a sender must present. */
export interface CredentialDemand {
  /** A type that the credential must have, such as `EmployeeCredential`. */
  readonly type: string;
  /** Accepted issuers: DIDs, or prefixes that end with `:*`. `["*"]` accepts any issuer, the sender included. */
  readonly issuers: readonly string[];
}

/** A rule for messages to an agent. */
export interface Policy {
  /** The agents it applies to: a DID, a prefix that ends with `:*`, or `*` for all. `allow`, `deny` and `issuers` have the same syntax. */
  readonly did: string;
  /** The messages it applies to: protocols or message types, or prefixes with a trailing `*`. Default: all. */
  readonly protocols?: readonly string[];
  /** Allowed senders. Default: all. */
  readonly allow?: readonly string[];
  /** Denied senders; takes precedence over `allow`. A did:web host without a port is denied on all ports. */
  readonly deny?: readonly string[];
  /**
   * Credentials that the sender must present with each message, problem reports included. All are required. The node's own reports need
   * none.
   */
  readonly credentials?: readonly CredentialDemand[];
  /**
   * Whether a message that violates the policy is denied. With `false` it is delivered with `authorized: false` in its context, and the
   * agent decides. Default `true`.
   */
  readonly enforce?: boolean;
}

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
  /** Delivered, with `authorized: false`. */
  | { readonly kind: "unauthorized" }
  | { readonly kind: "denied" }
  /** Denied only because credentials are missing. */
  | { readonly kind: "missing"; readonly missing: readonly CredentialDemand[] };

/** Problem code of a denial by policy. */
export const DENIED = "e.m.authz.denied";

const AUTHORIZED: PolicyDecision = { kind: "authorized" };
const UNAUTHORIZED: PolicyDecision = { kind: "unauthorized" };
const DENIAL: PolicyDecision = { kind: "denied" };

/** Evaluates the policies. Every applicable policy must accept a message. */
export class Policies {
  readonly #policies: readonly Policy[];

  /** @throws TypeError naming the policy and the invalid member. */
  constructor(policies: readonly Policy[] = []) {
    this.#policies = policies.map(read);
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
  if (denies(deny, sender) || (allow !== undefined && !covers(allow, sender))) return enforce ? DENIAL : UNAUTHORIZED;
  const missing = credentials.filter((demand) => !request.credentials.some((credential) => meets(credential, demand)));
  if (missing.length === 0) return AUTHORIZED;
  return enforce ? { kind: "missing", missing } : UNAUTHORIZED;
}

const RANKS: Readonly<Record<PolicyDecision["kind"], number>> = { authorized: 0, unauthorized: 1, missing: 2, denied: 3 };

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

const POLICY_MEMBERS: readonly (keyof Policy)[] = ["did", "protocols", "allow", "deny", "credentials", "enforce"];
const DEMAND_MEMBERS: readonly (keyof CredentialDemand)[] = ["type", "issuers"];

/**
 * Checks a policy and canonicalizes its DIDs.
 *
 * @throws TypeError
 */
function read(policy: Policy, index: number): Policy {
  const where = `policies[${index}]`;
  rejectUnknownOptions(policy, POLICY_MEMBERS, `${where}.`);
  if (typeof policy?.did !== "string" || policy.did === "") {
    throw new TypeError(`${where} needs a did: the DID or the prefix it applies to`);
  }
  for (const member of ["protocols", "allow", "deny"] as const) {
    if (policy[member] !== undefined && !isTextList(policy[member])) throw new TypeError(`${where}.${member} must be a list of texts`);
  }
  checkProtocols(`${where}.protocols`, policy.protocols);
  if (policy.enforce !== undefined && typeof policy.enforce !== "boolean") throw new TypeError(`${where}.enforce must be true or false`);
  const { credentials = [] } = policy;
  if (!Array.isArray(credentials)) throw new TypeError(`${where}.credentials must be a list`);
  credentials.forEach((demand: Partial<CredentialDemand> | undefined, at) => {
    rejectUnknownOptions(demand, DEMAND_MEMBERS, `${where}.credentials[${at}].`);
    if (typeof demand?.type !== "string" || demand.type === "") {
      throw new TypeError(`${where}.credentials[${at}] needs a type, such as EmployeeCredential`);
    }
    if (!isTextList(demand.issuers) || demand.issuers.length === 0) {
      throw new TypeError(`${where}.credentials[${at}] needs issuers: whose ${demand.type} counts, or ["*"] for anybody's`);
    }
  });
  const patterns = (list: readonly string[], member: string): readonly string[] =>
    list.map((entry) => readPattern(entry, `${where}.${member}`));
  return {
    ...policy,
    did: readPattern(policy.did, `${where}.did`),
    ...(policy.allow !== undefined && { allow: patterns(policy.allow, "allow") }),
    ...(policy.deny !== undefined && { deny: patterns(policy.deny, "deny") }),
    credentials: (credentials as readonly CredentialDemand[]).map((demand, at) => ({
      ...demand,
      issuers: patterns(demand.issuers, `credentials[${at}].issuers`),
    })),
  };
}

function readPattern(entry: string, where: string): string {
  return entry === "*" ? entry : readDidPattern(entry, where);
}

/**
 * Rejects patterns that match nothing, which would protect nothing.
 *
 * @throws TypeError naming the entry
 */
function checkProtocols(where: string, patterns: readonly string[] = []): void {
  const wrong = patterns.find((pattern) => !pattern.endsWith("*") && !isProtocolOrType(pattern));
  if (wrong === undefined) return;
  const expected = "a protocol such as https://layr8.io/protocols/echo/1.0, a message type, or a prefix of them with a trailing *";
  throw new TypeError(`${where}: ${JSON.stringify(wrong)} is not ${expected}`);
}

/** `protocolOf` accepts message types only, so a protocol is tested with a message appended. */
function isProtocolOrType(text: string): boolean {
  return protocolOf(text) !== undefined || protocolOf(`${text}/message`) !== undefined;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string" && entry !== "");
}
