import { equalBytes } from "../codec/bytes.ts";
import { decodeWhole } from "../codec/reader.ts";
import { ExtensionType, encodeGroupContext, MLS10 } from "../codec/structures.ts";
import { decryptWithLabel, erase, verifyWithLabel } from "../crypto/labels.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import { groupState, type EpochStart } from "../epoch/group-state.ts";
import { MlsEngineError } from "../errors.ts";
import { combinePsks, epochOf, welcomeSecret } from "../key-schedule/key-schedule.ts";
import { readTree, type RatchetTree } from "../tree/ratchet-tree.ts";
import { isBelow, leafNode } from "../tree/tree-math.ts";
import { checkTree } from "../tree/tree-validation.ts";
import { climb } from "../tree/update-path.ts";
import { keyPackageReference, type KeyPackage, type OwnKeyPackage } from "./key-package.ts";
import { readGroupInfo, readGroupSecrets, welcomeKeys, type GroupInfo, type GroupSecrets, type Welcome } from "./welcome.ts";

const CODE = "invalid_welcome";

/**
 * Joins the group of a Welcome ([RFC 9420 §12.4.3.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.4.3.1)).
 *
 * The Welcome is encrypted to the key package, so its sender had the key package; nothing else in it is trusted. The GroupInfo must be signed
 * by a member of the tree, the whole tree must be valid, and the confirmation tag proves that the signer derived the same epoch. Only
 * `authenticate` can decide whether the members are who they claim to be.
 *
 * @param ratchetTree the group's tree, for a Welcome that doesn't hold it
 * @throws MlsEngineError `invalid_welcome`, `no_key_package`, `unsupported`, `unknown_psk`, `credential_refused`, `identity_taken`, `malformed`,
 *   `too_large`
 */
export async function join(env: Environment, welcome: Welcome, own: OwnKeyPackage, ratchetTree?: Uint8Array): Promise<EpochStart> {
  const { suite } = env;
  assertRule(welcome.suite === suite.id, CODE, "The Welcome is for another cipher suite than the key package");
  const groupSecrets = openSecrets(env, welcome, own);
  checkNotSuccessor(groupSecrets);
  const psk = combinePsks(suite, groupSecrets.psks, env.findPsk);
  const info = openGroupInfo(env, welcome, groupSecrets, psk);
  const { context } = info;
  const isSameSuite = context.version === MLS10 && context.suite === welcome.suite;
  assertRule(isSameSuite, CODE, "The group of the Welcome has another version or cipher suite");

  const treeBytes = info.extensions.find((e) => e.type === ExtensionType.ratchetTree)?.data ?? ratchetTree;
  if (treeBytes === undefined) throw new MlsEngineError(CODE, "The Welcome doesn't hold the group's tree, and none was passed");
  const tree = decodeWhole(treeBytes, (r) => readTree(r, env.limits.maxMembers));
  const signer = tree.leaf(info.signer);
  assertRule(signer !== undefined, CODE, "The signer of the Welcome is not a member of the group");
  // The key comes from the tree that the Welcome itself brings. It becomes trustworthy only with the parent hashes (checkTree), the confirmation
  // tag below, and `authenticate`.
  const isSigned = verifyWithLabel(suite, signer.signatureKey, "GroupInfoTBS", info.unsigned, info.signature);
  assertRule(isSigned, CODE, "The signature of the Welcome is invalid");
  const ownLeaf = ownLeafIn(tree, own.keyPackage);
  assertRule(info.signer !== ownLeaf, CODE, "The Welcome claims to be signed by its receiver");
  await checkTree(env, tree, context, ownLeaf);

  const privateKeys = new Map([[leafNode(ownLeaf), own.secrets.encryptionKey.slice()]]);
  // After a commit without a path, the Welcome has no path secret, and the leaf's key is the only private key (§12.4.3.1).
  if (groupSecrets.pathSecret) takePath(env, tree, info.signer, ownLeaf, groupSecrets.pathSecret, privateKeys);
  const epoch = epochOf(suite, groupSecrets.joiner, psk, encodeGroupContext(context));
  erase(groupSecrets.joiner, psk);
  const { confirmationTag } = info;
  const tag = suite.mac(epoch.secrets.confirmationKey, context.confirmedTranscriptHash);
  assertRule(equalBytes(tag, confirmationTag), CODE, "The confirmation tag of the Welcome is invalid");
  return {
    encryptionSecret: epoch.encryptionSecret,
    state: groupState({ context, tree, ownLeaf, privateKeys, secrets: epoch.secrets, confirmationTag, proposals: new Map() }),
  };
}

function openSecrets(env: Environment, welcome: Welcome, own: OwnKeyPackage): GroupSecrets {
  const reference = keyPackageReference(env.suite, own.keyPackage);
  const entry = welcome.secrets.find(({ newMember }) => equalBytes(newMember, reference));
  if (entry === undefined) throw new MlsEngineError("no_key_package", "The Welcome is for another key package");
  // The encrypted GroupInfo is the context of the encryption, so secrets can't be moved to another Welcome (§12.4.3.1).
  const plaintext = decryptWithLabel(env.suite, own.secrets.initKey, "Welcome", welcome.encryptedGroupInfo, entry.encrypted);
  assertRule(plaintext !== undefined, CODE, "The secrets of the Welcome cannot be decrypted");
  return decodeWhole(plaintext, readGroupSecrets);
}

/** Successors of another group (RFC 9420 §11.2, §11.3) are not supported. A resumption key inside one group is. */
function checkNotSuccessor({ psks }: GroupSecrets): void {
  const isSuccessor = psks.some((psk) => psk.kind === "resumption" && psk.usage !== 1);
  if (isSuccessor) throw new MlsEngineError("unsupported", "The Welcome leads to the successor of another group, which is not supported");
}

function openGroupInfo({ suite }: Environment, welcome: Welcome, secrets: GroupSecrets, psk: Uint8Array): GroupInfo {
  const secret = welcomeSecret(suite, secrets.joiner, psk);
  const { key, nonce } = welcomeKeys(suite, secret);
  const plaintext = suite.open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo);
  erase(secret, key, nonce);
  assertRule(plaintext !== undefined, CODE, "The GroupInfo of the Welcome cannot be decrypted");
  return decodeWhole(plaintext, readGroupInfo);
}

function ownLeafIn(tree: RatchetTree, keyPackage: KeyPackage): number {
  for (const [index, leaf] of tree.leaves()) if (equalBytes(leaf.bytes, keyPackage.leaf.bytes)) return index;
  throw new MlsEngineError(CODE, "The group of the Welcome doesn't contain the leaf of the key package");
}

/** Derives the private keys of the nodes above both the signer and the own leaf, from the path secret of the lowest one. */
function takePath(
  { suite }: Environment,
  tree: RatchetTree,
  signer: number,
  ownLeaf: number,
  pathSecret: Uint8Array,
  privateKeys: Map<number, Uint8Array>,
): void {
  assertRule(pathSecret.length === suite.hashLength, CODE, "The path secret of the Welcome has the wrong length");
  const steps: { node: number }[] = [];
  for (let node = tree.nonBlankAncestor(leafNode(ownLeaf)); node !== undefined; node = tree.nonBlankAncestor(node)) {
    if (isBelow(leafNode(signer), node)) steps.push({ node });
  }
  // Blank nodes have no key: the committer's path left them out, and so do the steps. The derived commit secret is in the joiner secret already.
  const keys = steps.map(({ node }) => tree.publicKey(node) ?? new Uint8Array());
  erase(climb(suite, pathSecret, steps, keys, privateKeys, CODE));
}
