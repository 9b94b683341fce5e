import type { AuthenticationContext } from "../credentials/authentication.ts";
import { X509_CREDENTIAL } from "../credentials/credential.ts";
import { MlsError, type MlsErrorCode } from "../errors.ts";
import { requiredCapabilities, supportsExtensions, supportsOwnExtensions, supportsRequired } from "./capabilities.ts";
import { keyOf } from "../codec/codec.ts";
import type { Environment } from "../epoch/environment.ts";
import { verify } from "../crypto/labels.ts";
import { leafToBeSigned, type LeafNode } from "./leaf-node.ts";
import type { RatchetTree } from "./ratchet-tree.ts";
import { MLS10, type GroupContext, type Lifetime } from "../codec/structures.ts";
import { certifiesKey } from "../credentials/x509.ts";

/** Checks of a leaf that concern it alone (RFC 9420 §7.3), and asks whether its credential is accepted. */
export async function checkLeaf(
  env: Environment,
  leaf: LeafNode,
  leafIndex: number,
  group: Pick<GroupContext, "groupId" | "suite" | "extensions">,
  code: MlsErrorCode,
  context: Omit<AuthenticationContext, "groupId">,
): Promise<void> {
  const refuse = (why: string): MlsError => new MlsError(code, why);
  const { capabilities, credential } = leaf;
  if (!capabilities.versions.includes(MLS10) || !capabilities.suites.includes(group.suite)) {
    throw refuse("A member doesn't support the group's version or cipher suite");
  }
  if (!capabilities.credentials.includes(credential.type)) throw refuse("A member doesn't support its own credential");
  if (!supportsOwnExtensions(leaf, leaf.extensions)) throw refuse("A member has an extension that it doesn't support");
  const signed = leafToBeSigned(leaf.unsigned, leaf.source, group.groupId, leafIndex);
  if (!(await verify(env.suite, leaf.signatureKey, "LeafNodeTBS", signed, leaf.signature))) {
    throw refuse("The signature of a member's leaf is wrong");
  }
  if (credential.type === X509_CREDENTIAL && !certifiesKey(credential, leaf.signatureKey)) {
    throw new MlsError("credential_refused", "The certificate of a member is not for its signature key");
  }
  if (leaf.source.kind === "key_package" && env.limits.strictLifetimes) checkNow(env, leaf.source.lifetime, code);
  await env.pause();
  await requireAccepted(env, leaf, { ...context, groupId: group.groupId });
}

/** Whether a key package that is about to be added is still valid, and not for too long. */
export function checkLifetime(env: Environment, leaf: LeafNode): void {
  if (leaf.source.kind !== "key_package") return;
  const { notBefore, notAfter } = leaf.source.lifetime;
  checkNow(env, leaf.source.lifetime, "invalid_key_package");
  if ((notAfter - notBefore) * 1000n > BigInt(env.limits.maxLifetimeMs)) {
    throw new MlsError("invalid_key_package", "A key package is valid for too long");
  }
}

/** Checks that concern all members together: keys that nobody shares, credentials and extensions that everybody supports (§7.3). */
export async function checkMembers(
  env: Environment,
  tree: RatchetTree,
  extensions: GroupContext["extensions"],
  code: MlsErrorCode,
): Promise<void> {
  const refuse = (why: string): MlsError => new MlsError(code, why);
  const encryptionKeys = new Set<string>();
  const signatureKeys = new Set<string>();
  const credentialTypes = new Set<number>();
  for (const node of tree.nodes) {
    if (node === undefined) continue;
    if (!addNew(encryptionKeys, node.kind === "leaf" ? node.encryptionKey : node.publicKey)) {
      throw refuse("An encryption key occurs twice in the tree");
    }
    if (node.kind === "parent") continue;
    if (!addNew(signatureKeys, node.signatureKey)) throw refuse("Two members have the same signature key");
    credentialTypes.add(node.credential.type);
  }
  await env.pause();
  const required = requiredCapabilities(extensions);
  for (const [, leaf] of tree.leaves()) {
    for (const type of credentialTypes) {
      if (!leaf.capabilities.credentials.includes(type)) throw refuse("A member doesn't support the credential of another");
    }
    if (!supportsExtensions(leaf, extensions)) throw refuse("A member doesn't support an extension of the group");
    if (!supportsRequired(leaf, required)) throw refuse("A member doesn't support what the group requires");
  }
}

function checkNow(env: Environment, { notBefore, notAfter }: Lifetime, code: MlsErrorCode): void {
  const now = BigInt(Math.floor(env.now() / 1000));
  const skew = BigInt(Math.floor(env.limits.maxClockSkewMs / 1000));
  if (now + skew >= notBefore && now <= notAfter) return;
  const state = now > notAfter ? `expired at ${timeText(notAfter)}` : `is valid from ${timeText(notBefore)} on`;
  throw new MlsError(code, `A key package ${state}, and the clock here says ${timeText(now)}: check both clocks`);
}

/** ISO 8601 where the time has it, else the number. */
function timeText(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString();
}

/** Asks the application. What it throws counts as no, and is the cause of the error; it is not in the message, which may go to a peer. */
async function requireAccepted(env: Environment, leaf: LeafNode, context: AuthenticationContext): Promise<void> {
  let isAccepted: boolean;
  try {
    isAccepted = await env.authenticate(leaf.credential, leaf.signatureKey, context);
  } catch (cause) {
    throw new MlsError("credential_refused", "The credential of a member is not accepted: authenticate failed", { cause });
  }
  if (!isAccepted) throw new MlsError("credential_refused", "The credential of a member is not accepted");
}

function addNew(keys: Set<string>, key: Uint8Array): boolean {
  const size = keys.size;
  keys.add(keyOf(key));
  return keys.size > size;
}
