import { isJsonObject, ParleyError, type JsonObject, type Message } from "@parley/core";
import { decodeCredential, type VcErrorCode, type VerifiedCredential } from "@parley/vc";
import { isGrant, matchGrantChain, readGrantChain, type Grant, type GrantMismatchCode, type GrantRequest } from "@parley/vc/grants";
import { attachedCredentials, hasAttachedCredentials, type AttachedCredential } from "./attached-credentials.ts";
import type { GrantCache, GrantValidity } from "./grant-cache.ts";

/** Most credentials of one message that are considered as grants. layr8's SDKs attach up to 16, in addition to those of the caller. */
const MAX_CONSIDERED = 32;
/** Most characters of one. */
const MAX_LENGTH = 16 * 1024;
/** Most characters of a detail in an explanation. */
const MAX_DETAIL = 512;

/**
 * Why a credential does not permit a message: a code of `matchGrant`, of the verification, or
 *
 * | code | meaning |
 * | --- | --- |
 * | `not_a_grant` | it states who the sender is, not what it may do |
 * | `issuer_not_trusted` | it would permit the message, but the policy does not trust its issuer |
 * | `too_many` | the message has too many credentials attached; this one was not considered |
 * | `unverified` | the policies have changed while the message waited; send it again |
 */
export type GrantProblemCode = GrantMismatchCode | VcErrorCode | "not_a_grant" | "issuer_not_trusted" | "too_many" | "unverified";

/** An attached credential, and why it does not permit the message. */
export interface ConsideredGrant {
  /** Id of its attachment. */
  readonly attachment: string;
  /** A {@link GrantProblemCode}, or another code of an error while it was verified, such as `busy`. */
  readonly code: string;
  readonly detail: string;
  /** Whether it may permit the message later. */
  readonly retryable: boolean;
}

/** The grants of a message, for a policy that requires one. */
export interface GrantEvidence {
  /**
   * Whether one of them is verified and permits the request. Those that would, and are not verified, are verified by {@link
   * MessageGrants.verify}.
   */
  permit(request: GrantRequest, isTrusted: (issuer: string) => boolean): boolean;
  /** Why none of them permits the request. */
  explain(request: GrantRequest, isTrusted: (issuer: string) => boolean): readonly ConsideredGrant[];
}

/** A message without grants. */
export const NO_GRANTS: GrantEvidence = { permit: () => false, explain: () => [] };

/** Verifies credentials. */
export interface GrantVerifier {
  verifyCredential(signed: string, options: { owner: string; waits: true }): Promise<VerifiedCredential>;
}

type Problem = Omit<ConsideredGrant, "attachment">;

/** A chain has the grant first, and then those that it was derived from. `links` are their texts. */
type Candidate = { readonly id: string; readonly links: readonly string[] } & (
  | { readonly chain: readonly Grant[]; isVerified: boolean; failure?: Problem }
  | { readonly chain: undefined; readonly failure: Problem }
);
type Readable = Extract<Candidate, { readonly chain: readonly Grant[] }>;

/**
 * The grants attached to a message. A grant is verified only if it would permit the message, and if its issuer, as stated, is trusted: so a sender
 * can't make the node resolve DIDs or fetch status lists of its choice.
 */
export class MessageGrants implements GrantEvidence {
  readonly #candidates: readonly Candidate[];
  readonly #cache: GrantCache;
  readonly #unverified = new Set<Readable>();

  constructor(attached: readonly AttachedCredential[], cache: GrantCache) {
    this.#cache = cache;
    this.#candidates = attached.map(({ id, signed = "" }, index) => readCandidate(id, signed, index, cache));
  }

  /** `undefined` if no credential is attached. */
  static of(message: Message, cache: GrantCache): MessageGrants | undefined {
    return hasAttachedCredentials(message) ? new MessageGrants(attachedCredentials(message), cache) : undefined;
  }

  /** Whether {@link permit} has found grants that must be verified first. */
  get mustVerify(): boolean {
    return this.#unverified.size > 0;
  }

  permit(request: GrantRequest, isTrusted: (issuer: string) => boolean): boolean {
    const matching: Readable[] = [];
    for (const candidate of this.#candidates) {
      if (!isMatching(candidate, request, isTrusted)) continue;
      if (candidate.isVerified) return true;
      matching.push(candidate);
    }
    for (const candidate of matching) this.#unverified.add(candidate);
    return false;
  }

  /**
   * Verifies the grants that {@link permit} has found, one after the other. Never rejects.
   *
   * @param owner charged for the work.
   */
  async verify(verifier: GrantVerifier, owner: string): Promise<void> {
    for (const candidate of this.#unverified) {
      const { links, chain } = candidate;
      const signed = links[0] ?? "";
      const verifyAll = async (): Promise<void> => {
        const { revision } = this.#cache;
        this.#cache.put(signed, chain, { ...(await verifyLinks(links, verifier, owner)), revision });
      };
      try {
        // oxlint-disable-next-line no-await-in-loop
        await this.#cache.verifyOnce(owner, signed, verifyAll);
        candidate.isVerified = true;
      } catch (error) {
        candidate.failure = problemOf(error);
      }
    }
    this.#unverified.clear();
  }

  explain(request: GrantRequest, isTrusted: (issuer: string) => boolean): readonly ConsideredGrant[] {
    return this.#candidates.map((candidate) => ({ attachment: candidate.id, ...problemWith(candidate, request, isTrusted) }));
  }
}

function readCandidate(id: string, signed: string, index: number, cache: GrantCache): Candidate {
  const failed = (failure: Problem): Candidate => ({ id, links: [signed], chain: undefined, failure });
  if (index >= MAX_CONSIDERED) return failed(problem("too_many", `at most ${MAX_CONSIDERED} credentials of a message are considered`));
  if (signed.length > MAX_LENGTH) return failed(problem("too_large", `it has more than ${MAX_LENGTH} characters`));
  const cached = cache.get(signed);
  if (cached !== undefined) return { id, links: [signed], chain: cached, isVerified: true };
  try {
    const { credential } = decodeCredential(signed);
    if (!isGrant(credential)) return failed(problem("not_a_grant", "its type does not include VerifiableGrant"));
    const chain = readGrantChain(signed);
    return { id, links: chain.map((link) => link.signed), chain: chain.map(({ grant }) => grant), isVerified: false };
  } catch (error) {
    return failed(problemOf(error));
  }
}

function isMatching(candidate: Candidate, request: GrantRequest, isTrusted: (issuer: string) => boolean): candidate is Readable {
  const { chain, failure } = candidate;
  return chain !== undefined && failure === undefined && matchGrantChain(chain, request).permitted && isTrusted(rootIssuerOf(chain));
}

/** The issuer of the grant that was not derived from another one: it decides whom to trust. */
function rootIssuerOf(chain: readonly Grant[]): string {
  return chain.at(-1)?.issuer ?? "";
}

/** @returns what the result depends on. */
async function verifyLinks(links: readonly string[], verifier: GrantVerifier, owner: string): Promise<Omit<GrantValidity, "revision">> {
  let earliest = Infinity;
  const statusLists: string[] = [];
  // From the trusted issuer on: each link names the issuer of the next one, whose DID is resolved. One after the other, so that a message uses one
  // verification slot of its sender.
  for (const link of links.toReversed()) {
    // oxlint-disable-next-line no-await-in-loop
    const { credential, holdsUntil = Infinity } = await verifier.verifyCredential(link, { owner, waits: true });
    earliest = Math.min(earliest, holdsUntil);
    statusLists.push(...statusListsOf(credential));
  }
  return { holdsUntil: earliest, statusLists };
}

/** The URLs of the status lists of a verified credential. */
function statusListsOf({ credentialStatus = [] }: JsonObject): readonly string[] {
  return [credentialStatus].flat().flatMap((entry) => {
    const url = isJsonObject(entry) ? entry["statusListCredential"] : undefined;
    return typeof url === "string" ? [url] : [];
  });
}

function problemWith({ chain, failure }: Candidate, request: GrantRequest, isTrusted: (issuer: string) => boolean): Problem {
  if (chain === undefined) return failure;
  const match = matchGrantChain(chain, request);
  if (!match.permitted) return problem(match.code, match.detail);
  const issuer = rootIssuerOf(chain);
  if (!isTrusted(issuer)) return problem("issuer_not_trusted", `its issuer ${issuer} is not one that ${request.resource} trusts`);
  return failure ?? problem("unverified", "the policies have changed while it waited; send the message again", true);
}

function problem(code: GrantProblemCode, detail: string, retryable = false): Problem {
  return { code, detail: detail.slice(0, MAX_DETAIL), retryable };
}

function problemOf(error: unknown): Problem {
  const { code, message, retryable } = ParleyError.from(error);
  return { code, detail: message.slice(0, MAX_DETAIL), retryable };
}
