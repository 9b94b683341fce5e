import { MlsError } from "../errors.ts";
import { decodeWhole, equalBytes } from "../codec/codec.ts";
import { must, type Environment } from "../epoch/environment.ts";
import { encodeGroupContext } from "../framing/framed-content.ts";
import { groupState, type EpochStart } from "../epoch/group-state.ts";
import { keyPackageReference, type KeyPackage, type KeyPackageSecrets } from "./key-package.ts";
import { combinePsks, epochOf, welcomeSecret } from "../key-schedule/key-schedule.ts";
import { decryptFrom, erase, verify } from "../crypto/labels.ts";
import { readTree, type RatchetTree } from "../tree/ratchet-tree.ts";
import { ExtensionType, MLS10 } from "../codec/structures.ts";
import { suiteId } from "../crypto/suite-id.ts";
import { isBelow, leafNode } from "../tree/tree-math.ts";
import { checkTree } from "../tree/tree-validation.ts";
import { climb } from "../tree/update-path.ts";
import { readGroupInfo, readGroupSecrets, welcomeKeys, type GroupInfo, type GroupSecrets, type Welcome } from "./welcome.ts";

const CODE = "invalid_welcome";

/** A key package of one's own, with its private halves. */
export interface OwnKeyPackage {
  readonly keyPackage: KeyPackage;
  readonly secrets: KeyPackageSecrets;
}

/** Joins the group of a Welcome (RFC 9420 §12.4.3.1). The tree is in the Welcome, or comes apart. */
export async function join(env: Environment, welcome: Welcome, own: OwnKeyPackage, ratchetTree?: Uint8Array): Promise<EpochStart> {
  const { suite } = env;
  must(welcome.suite === suiteId(suite), CODE, "A Welcome is of another cipher suite than the key package");
  const groupSecrets = await openSecrets(env, welcome, own);
  refuseSuccessors(groupSecrets);
  const psk = await combinePsks(suite, groupSecrets.psks, env.findPsk);
  const info = await openGroupInfo(env, welcome, groupSecrets, psk);
  const { context } = info;
  must(context.version === MLS10 && context.suite === welcome.suite, CODE, "A Welcome leads to a group of another version or suite");

  const treeBytes = info.extensions.find((e) => e.type === ExtensionType.ratchetTree)?.data ?? ratchetTree;
  if (treeBytes === undefined) throw new MlsError(CODE, "A Welcome comes without the group's tree");
  const tree = decodeWhole(treeBytes, (r) => readTree(r, env.limits.maxMembers));
  const signer = tree.leaf(info.signer);
  must(signer !== undefined, CODE, "A Welcome is signed by somebody who isn't a member");
  const isSigned = await verify(suite, signer.signatureKey, "GroupInfoTBS", info.unsigned, info.signature);
  must(isSigned, CODE, "The signature of a Welcome is wrong");
  const ownLeaf = findOwnLeaf(tree, own.keyPackage);
  must(info.signer !== ownLeaf, CODE, "A Welcome claims to be signed by its receiver");
  await checkTree(env, tree, context, ownLeaf);

  const privateKeys = new Map([[leafNode(ownLeaf), own.secrets.encryptionKey.slice()]]);
  if (groupSecrets.pathSecret) await takePath(env, tree, info.signer, ownLeaf, groupSecrets.pathSecret, privateKeys);
  const epoch = await epochOf(suite, groupSecrets.joiner, psk, encodeGroupContext(context));
  erase(groupSecrets.joiner, psk);
  const tag = await suite.hash.mac(epoch.secrets.confirmationKey, context.confirmedTranscriptHash);
  must(equalBytes(tag, info.confirmationTag), CODE, "The confirmation tag of a Welcome is wrong");
  return {
    encryptionSecret: epoch.encryptionSecret,
    state: groupState({
      context,
      tree,
      ownLeaf,
      privateKeys,
      secrets: epoch.secrets,
      confirmationTag: info.confirmationTag,
      proposals: new Map(),
    }),
  };
}

async function openSecrets(env: Environment, welcome: Welcome, own: OwnKeyPackage): Promise<GroupSecrets> {
  const reference = await keyPackageReference(env.suite, own.keyPackage);
  const entry = welcome.secrets.find(({ newMember }) => equalBytes(newMember, reference));
  if (entry === undefined) throw new MlsError("no_key_package", "A Welcome is for another key package");
  const plaintext = await decryptFrom(env.suite, own.secrets.initKey, "Welcome", welcome.encryptedGroupInfo, entry.encrypted);
  must(plaintext !== undefined, CODE, "The secrets of a Welcome can't be decrypted");
  return decodeWhole(plaintext, readGroupSecrets);
}

/** Groups that continue another one (RFC 9420 §11.2, §11.3) are not supported; a resumption key among members of one group is. */
function refuseSuccessors({ psks }: GroupSecrets): void {
  const continues = psks.some((psk) => psk.kind === "resumption" && psk.usage !== 1);
  if (continues) throw new MlsError("unsupported", "A Welcome leads to the successor of another group, which is not supported");
}

async function openGroupInfo(env: Environment, welcome: Welcome, secrets: GroupSecrets, psk: Uint8Array): Promise<GroupInfo> {
  const secret = await welcomeSecret(env.suite, secrets.joiner, psk);
  const { key, nonce } = await welcomeKeys(env.suite, secret);
  try {
    const plaintext = await env.suite.hpke.decryptAead(key, nonce, undefined, welcome.encryptedGroupInfo);
    return decodeWhole(plaintext, readGroupInfo);
  } catch (cause) {
    if (cause instanceof MlsError) throw cause;
    throw new MlsError(CODE, "The group information of a Welcome can't be decrypted");
  } finally {
    erase(secret, key, nonce);
  }
}

function findOwnLeaf(tree: RatchetTree, keyPackage: KeyPackage): number {
  for (const [index, leaf] of tree.leaves()) if (equalBytes(leaf.bytes, keyPackage.leaf.bytes)) return index;
  throw new MlsError(CODE, "A Welcome leads to a group that we are no member of");
}

async function takePath(
  env: Environment,
  tree: RatchetTree,
  signer: number,
  ownLeaf: number,
  pathSecret: Uint8Array,
  privateKeys: Map<number, Uint8Array>,
): Promise<void> {
  must(pathSecret.length === env.suite.kdf.size, CODE, "A path secret has the wrong length");
  const steps: { node: number }[] = [];
  for (let node = tree.nonBlankAncestor(leafNode(ownLeaf)); node !== undefined; node = tree.nonBlankAncestor(node)) {
    if (isBelow(leafNode(signer), node)) steps.push({ node });
  }
  const keys = steps.map(({ node }) => tree.publicKey(node) ?? new Uint8Array());
  erase(await climb(env.suite, pathSecret, steps, keys, privateKeys, CODE));
}
