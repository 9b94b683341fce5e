import type { JsonObject } from "@parley/core";
import {
  agentJwks,
  agentKids,
  peekKeyStatement,
  verifyKeyStatement,
  type AgentPublicKeys,
  type KeyStatement,
} from "@parley/didcomm-crypto";

/** Rotations that a document lists: a peer that has missed more of them can't verify the present keys. */
export const MAX_ROTATIONS = 16;
/** Former keys that a document lists. */
const MAX_FORMER = 4;
/** Longest time for which former keys stay in a document, in milliseconds. */
const MAX_OVERLAP_MS = 31 * 24 * 60 * 60_000;
/** Greatest age of a proof, by the node's clock, in milliseconds. It also allows clocks to differ. */
const MAX_PROOF_AGE_MS = 10 * 60_000;

/** The public keys of a DID whose agent holds its keys itself, as they are stored. */
export type AgentKeys = {
  readonly signing: string;
  readonly agreement: string;
  /** Number of rotations up to these keys. */
  readonly sequence: number;
  /** Keys that a rotation has replaced, and until when they are listed, in milliseconds since 1970. Newest first. */
  readonly former: readonly { readonly signing: string; readonly agreement: string; readonly until: number }[];
  /** The latest rotations, as the agent signed them, oldest first. */
  readonly rotations: readonly string[];
};

/** The keys of an agent, as it presents them. */
export interface PresentedKeys {
  /** A statement signed with the key that it names. */
  readonly proof: string;
  readonly rotations: readonly string[];
}

/** Why the node does not take the keys of an agent. */
export interface KeysRefusal {
  readonly code: "e.join.keys.invalid" | "e.join.keys.stale" | "e.join.keys.changed" | "e.join.keys.at-node" | "e.join.keys.at-agent";
  readonly comment: string;
}

/** Result of {@link checkAgentKeys}. */
export type AgentKeysResult = { readonly ok: true; readonly keys: AgentKeys } | { readonly ok: false; readonly refusal: KeysRefusal };

/**
 * Checks the keys that an agent presents for its DID: it proves that it has the signing key, which vouches for the other one. Other keys than the present
 * ones need a rotation that the present signing key has signed.
 *
 * @param present the keys that the node has for the DID.
 * @param now milliseconds since 1970.
 */
export async function checkAgentKeys(
  did: string,
  { proof, rotations }: PresentedKeys,
  present: AgentKeys | undefined,
  now: number,
): Promise<AgentKeysResult> {
  let stated: KeyStatement;
  try {
    stated = await verifyKeyStatement(proof);
    if (stated.did !== did) return refused("e.join.keys.invalid", "the keys are not for this DID");
    if (Math.abs(now - stated.madeAt) > MAX_PROOF_AGE_MS) {
      return refused(
        "e.join.keys.stale",
        "the proof of the keys is too old, or the clocks of agent and node differ by more than ten minutes",
      );
    }
    const { sequence, signing, agreement } = stated;
    if (present === undefined)
      return { ok: true, keys: { sequence, signing, agreement, former: [], rotations: await ownRotations(stated, rotations) } };
    if (isSame(present, stated)) return { ok: true, keys: present };
    return { ok: true, keys: await rotate(present, stated, rotations, now) };
  } catch (error) {
    if (error instanceof KeysChanged) return refused("e.join.keys.changed", error.message);
    return refused("e.join.keys.invalid", "the keys are not proven: a statement is malformed, or not signed with its key");
  }
}

/** The keys that a document lists: the present ones, and former ones until they expire. Newest first. */
function listedKeys({ signing, agreement, former }: AgentKeys, now: number): readonly AgentPublicKeys[] {
  return [{ signing, agreement }, ...former.filter(({ until }) => until > now)];
}

/** The members of a document that are about its keys. */
export function keysInDocument(did: string, keys: AgentKeys, now: number): JsonObject {
  const listed = listedKeys(keys, now).map((each) => ({ kids: agentKids(did, each), jwks: agentJwks(each) }));
  const method = (id: string, publicKeyJwk: object): JsonObject => ({
    id,
    type: "JsonWebKey2020",
    controller: did,
    publicKeyJwk: { ...publicKeyJwk },
  });
  const signing = listed.map(({ kids }) => kids.signing);
  return {
    verificationMethod: listed.flatMap(({ kids, jwks }) => [method(kids.signing, jwks.signing), method(kids.agreement, jwks.agreement)]),
    authentication: signing,
    assertionMethod: signing,
    keyAgreement: listed.map(({ kids }) => kids.agreement),
    ...(keys.rotations.length > 0 && { keyRotations: [...keys.rotations] }),
  };
}

/** The present keys are not those that the agent presents, and no rotation leads from one to the other. */
class KeysChanged extends Error {}

/** Applies the rotations that the node does not have yet. */
async function rotate(present: AgentKeys, stated: KeyStatement, rotations: readonly string[], now: number): Promise<AgentKeys> {
  let keys = present;
  for (const text of rotations.slice(-MAX_ROTATIONS)) {
    if (peekKeyStatement(text).sequence <= keys.sequence) continue;
    // Each is signed with the key of the one before.
    // oxlint-disable-next-line no-await-in-loop
    const next = await verifyKeyStatement(text, keys);
    if (next.did !== stated.did || next.sequence !== keys.sequence + 1) break;
    const { signing, agreement } = keys;
    const until = Math.min(next.formerUntil ?? now, now + MAX_OVERLAP_MS);
    keys = {
      sequence: next.sequence,
      signing: next.signing,
      agreement: next.agreement,
      former: [{ signing, agreement, until }, ...keys.former.filter((former) => former.until > now)].slice(0, MAX_FORMER),
      rotations: [...keys.rotations, text].slice(-MAX_ROTATIONS),
    };
  }
  if (isSame(keys, stated)) return keys;
  throw new KeysChanged(
    "these are not the keys that the node publishes for the DID: an agent changes them with a rotation that it signs with the former key",
  );
}

/** The rotations of an agent that is new here. Their first key is unknown: only the chain behind it can be verified. */
async function ownRotations(stated: KeyStatement, rotations: readonly string[]): Promise<readonly string[]> {
  const kept = rotations.slice(-MAX_ROTATIONS);
  let last: KeyStatement | undefined;
  for (const text of kept) {
    // oxlint-disable-next-line no-await-in-loop
    last = last === undefined ? peekKeyStatement(text) : await verifyKeyStatement(text, last);
    if (last.did !== stated.did) throw new KeysChanged("a rotation is of another DID");
  }
  if (last !== undefined && !isSame(last, stated)) throw new KeysChanged("the last rotation does not lead to these keys");
  return kept;
}

/** Whether keys may take the place of present ones: the same, or those that rotations have led to. */
export function mayFollow(present: AgentKeys | undefined, next: AgentKeys): boolean {
  if (present === undefined || isSame(present, next)) return true;
  return next.sequence > present.sequence && next.former.some(({ signing }) => signing === present.signing);
}

/** Whether two keys are the same ones. */
export function isSame(
  one: AgentPublicKeys & { readonly sequence: number },
  other: AgentPublicKeys & { readonly sequence: number },
): boolean {
  return one.sequence === other.sequence && one.signing === other.signing && one.agreement === other.agreement;
}

function refused(code: KeysRefusal["code"], comment: string): AgentKeysResult {
  return { ok: false, refusal: { code, comment } };
}
