import { type AuditHead, isSignedBy, readHead } from "@parley/audit";
import { type DidResolver, findVerificationMethod, publicKeyJwk } from "@parley/did";

/**
 * Checks a head that another party's node has sent.
 *
 * @param peer DID of the party, which the node has proven to speak for.
 * @returns `undefined` if it is not a head of this party, or not signed by a key in its document.
 * @throws DidError if the document can't be resolved.
 */
export async function checkHead(jws: string, peer: string, resolver: DidResolver): Promise<AuditHead | undefined> {
  const head = readHead("head", jws);
  if (head?.agent !== peer || !head.kid.startsWith(`${peer}#`)) return undefined;
  const method = findVerificationMethod(await resolver.resolve(peer), head.kid, "assertionMethod");
  const key = method && publicKeyJwk(method);
  return key?.crv === "Ed25519" && isSignedBy(jws, { kty: "OKP", crv: "Ed25519", x: key.x }) ? head : undefined;
}
