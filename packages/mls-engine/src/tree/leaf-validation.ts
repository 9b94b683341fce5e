import { keyOf } from "../codec/bytes.ts";
import type { AuthenticationContext } from "../credentials/authentication.ts";
import { X509_CREDENTIAL } from "../credentials/credential.ts";
import { MlsEngineError, type MlsEngineErrorCode } from "../errors.ts";
import { requiredCapabilities, supportsExtensions, supportsOwnExtensions, supportsRequired } from "./capabilities.ts";
import type { Environment } from "../epoch/environment.ts";
import type { LeafNode } from "./leaf-node.ts";
import { verifyLeaf } from "./leaf-signature.ts";
import type { RatchetTree } from "./ratchet-tree.ts";
import { MLS10, type GroupContext, type Lifetime } from "../codec/structures.ts";
import { certifiesKey } from "../credentials/x509.ts";

/**
 * Validates one leaf ([RFC 9420 §7.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.3)) and asks `authenticate` about its credential.
 * Called for each leaf that a commit sets, and for every leaf of a tree that is joined. {@link checkMembers} validates the leaves together.
 *
 * @param isSigned whether its signature is valid. Default: verifies it now.
 * @throws MlsEngineError of `code`; `credential_refused`
 */
export async function checkLeaf(
  env: Environment,
  leaf: LeafNode,
  leafIndex: number,
  group: Pick<GroupContext, "groupId" | "suite" | "extensions">,
  code: MlsEngineErrorCode,
  context: Omit<AuthenticationContext, "groupId">,
  isSigned: boolean | Promise<boolean> = verifyLeaf(env, leaf, leafIndex, group.groupId),
): Promise<void> {
  const reject = (why: string): MlsEngineError => new MlsEngineError(code, why);
  const { capabilities, credential } = leaf;
  if (!capabilities.versions.includes(MLS10) || !capabilities.suites.includes(group.suite)) {
    throw reject("The leaf doesn't support the group's version or cipher suite");
  }
  if (!capabilities.credentials.includes(credential.type)) throw reject("The leaf doesn't support its own credential type");
  if (!supportsOwnExtensions(leaf, leaf.extensions)) throw reject("The leaf has an extension that it doesn't support");
  if (!(await isSigned)) throw reject("The signature of the leaf is invalid");
  if (credential.type === X509_CREDENTIAL && !certifiesKey(credential, leaf.signatureKey)) {
    throw new MlsEngineError("credential_refused", "The certificate of the leaf is not for its signature key");
  }
  if (leaf.source.kind === "key_package" && env.limits.strictLifetimes) checkNow(env, leaf.source.lifetime, code);
  await env.pause();
  await checkCredential(env, leaf, { ...context, groupId: group.groupId });
}

/**
 * Checks the lifetime of a key package that this member is about to add (RFC 9420 §7.2): valid now, and not for longer than the limits allow.
 *
 * @throws MlsEngineError `invalid_key_package`
 */
export function checkLifetime(env: Environment, leaf: LeafNode): void {
  if (leaf.source.kind !== "key_package") return;
  const { notBefore, notAfter } = leaf.source.lifetime;
  checkNow(env, leaf.source.lifetime, "invalid_key_package");
  if ((notAfter - notBefore) * 1000n > BigInt(env.limits.maxLifetimeMs)) {
    throw new MlsEngineError("invalid_key_package", "The lifetime of the key package is longer than limits.maxKeyPackageLifetimeMs");
  }
}

/**
 * Validates the members of a tree together (RFC 9420 §7.3): no key occurs twice, and every member supports the credential types and extensions
 * in use and the required capabilities. Called after a commit's proposals and path are applied, and on joining.
 *
 * @throws MlsEngineError of `code`
 */
export async function checkMembers(
  env: Environment,
  tree: RatchetTree,
  extensions: GroupContext["extensions"],
  code: MlsEngineErrorCode,
): Promise<void> {
  const reject = (why: string): MlsEngineError => new MlsEngineError(code, why);
  const encryptionKeys = new Set<string>();
  const signatureKeys = new Set<string>();
  const credentialTypes = new Set<number>();
  for (const node of tree.nodes) {
    if (node === undefined) continue;
    if (!addNew(encryptionKeys, node.kind === "leaf" ? node.encryptionKey : node.publicKey)) {
      throw reject("An encryption key occurs twice in the tree");
    }
    if (node.kind === "parent") continue;
    if (!addNew(signatureKeys, node.signatureKey)) throw reject("Two members have the same signature key");
    credentialTypes.add(node.credential.type);
  }
  await env.pause();
  const required = requiredCapabilities(extensions);
  for (const [, leaf] of tree.leaves()) {
    for (const type of credentialTypes) {
      if (!leaf.capabilities.credentials.includes(type)) throw reject("A member doesn't support the credential type of another member");
    }
    if (!supportsExtensions(leaf, extensions)) throw reject("A member doesn't support an extension of the group");
    if (!supportsRequired(leaf, required)) throw reject("A member lacks a required capability of the group");
  }
}

function checkNow(env: Environment, { notBefore, notAfter }: Lifetime, code: MlsEngineErrorCode): void {
  const now = BigInt(Math.floor(env.now() / 1000));
  const skew = BigInt(Math.floor(env.limits.maxClockSkewMs / 1000));
  if (now + skew >= notBefore && now <= notAfter) return;
  const state = now > notAfter ? `expired at ${timeText(notAfter)}` : `becomes valid at ${timeText(notBefore)}`;
  throw new MlsEngineError(code, `The key package ${state}; the local clock is at ${timeText(now)}. Check both clocks`);
}

/** ISO 8601, or the number of seconds if it is out of range. */
function timeText(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString();
}

/**
 * Asks `authenticate`. An exception counts as a rejection: an unreachable directory must not admit members. It is the cause of the error, and
 * is not part of the message, which may be sent to a peer.
 *
 * @throws MlsEngineError `credential_refused`
 */
async function checkCredential(env: Environment, leaf: LeafNode, context: AuthenticationContext): Promise<void> {
  let isAccepted: boolean;
  try {
    isAccepted = await env.authenticate(leaf.credential, leaf.signatureKey, context);
  } catch (cause) {
    throw new MlsEngineError("credential_refused", "The credential of the leaf was not accepted: authenticate failed", { cause });
  }
  if (!isAccepted) throw new MlsEngineError("credential_refused", "The credential of the leaf was rejected by authenticate");
}

function addNew(keys: Set<string>, key: Uint8Array): boolean {
  const size = keys.size;
  keys.add(keyOf(key));
  return keys.size > size;
}
