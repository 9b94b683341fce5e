import { ExtensionType } from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import { erase, signWithLabel } from "../crypto/labels.ts";
import type { Environment } from "../epoch/environment.ts";
import { groupState, survivingKeys, type CommitEffects, type EpochStart, type GroupState } from "../epoch/group-state.ts";
import { framedContentTbs, type Handshake } from "../framing/framed-content.ts";
import { encodeGroupInfo, encryptGroupSecrets, welcomeKeys, writeWelcome, type EncryptedGroupSecrets } from "../join/welcome.ts";
import { nextEpoch, type NextEpoch } from "../key-schedule/next-epoch.ts";
import { applyProposals, type Applied } from "../proposals/apply-proposals.ts";
import { writeCommit, type Proposal, type ProposalOrRef } from "../proposals/proposal.ts";
import { checkMembers } from "../tree/leaf-validation.ts";
import { encodeTree } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { isBelow, leafNode } from "../tree/tree-math.ts";
import { checkUniqueIdentities } from "../tree/unique-identities.ts";
import { createPath, type NewPath } from "../tree/update-path.ts";

/** A commit of this member that is not in effect yet, and the epoch that it leads to. */
export interface CreatedCommit extends EpochStart {
  readonly handshake: Handshake;
  /** The content of the Welcome message, if members are added. */
  readonly welcome: Uint8Array | undefined;
  readonly effects: CommitEffects;
}

export interface CommitRequest {
  readonly proposals: readonly Proposal[];
  /** References of pending proposals. */
  readonly references: readonly Uint8Array[];
  /** Whether to replace the own keys although the proposals don't require it. */
  readonly forcePath: boolean;
  readonly authenticatedData: Uint8Array;
  readonly wireFormat: Handshake["wireFormat"];
}

/**
 * Creates a commit ([RFC 9420 §12.4.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.4.1)). The state is unchanged: the caller
 * continues with the returned epoch once it knows that this commit is the one of its epoch.
 *
 * The order follows from the dependencies: the path secrets are encrypted under the provisional GroupContext, the signature covers the path,
 * the transcript hash covers the signature, and the Welcome needs the secrets of the new epoch.
 *
 * @throws MlsEngineError `invalid_commit`, `invalid_key_package`, `credential_refused`, `identity_taken`, `group_full`, `unknown_psk`
 */
export async function createCommit(env: Environment, state: GroupState, request: CommitRequest): Promise<CreatedCommit> {
  const { suite } = env;
  const proposals: ProposalOrRef[] = [
    ...request.references.map((reference): ProposalOrRef => ({ kind: "reference", reference })),
    ...request.proposals.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal })),
  ];
  const applied = await applyProposals(env, state, proposals, state.ownLeaf, true);
  const { tree } = applied;
  const base = { ...state.context, epoch: state.context.epoch + 1n, extensions: applied.extensions };
  // New members can't decrypt the path: they get their path secret in the Welcome instead (§7.6, §12.4.1).
  const addedNodes = new Set(applied.added.map(({ leaf }) => leafNode(leaf)));
  const path = applied.needsPath || request.forcePath ? await createPath(env, state, tree, base, addedNodes) : undefined;
  await checkMembers(env, tree, applied.extensions, "invalid_key_package");
  checkUniqueIdentities(env, state.tree, tree.leaves());

  const content = encode((w) => writeCommit(w, { proposals, path: path?.path }));
  const signed = signHandshake(env, state, "commit", content, request);
  const provisional = path?.context ?? { ...base, treeHash: await treeHash(suite, tree, env.pause) };
  // Without a path the commit secret is all zeros (§8).
  const commitSecret = path?.commitSecret ?? new Uint8Array(suite.hashLength);
  const next = nextEpoch(env, state, provisional, applied.psks, commitSecret, signed);
  const welcome = await createWelcome(env, state, applied, next, path);
  erase(next.joiner, next.welcome, ...(path?.pathSecrets.values() ?? []));
  return {
    handshake: { ...signed, confirmationTag: next.confirmationTag },
    welcome,
    effects: effectsOf(state.ownLeaf, applied, path !== undefined),
    encryptionSecret: next.encryptionSecret,
    state: groupState({
      context: next.context,
      tree,
      ownLeaf: state.ownLeaf,
      privateKeys: path?.privateKeys ?? survivingKeys(state, tree),
      secrets: next.secrets,
      confirmationTag: next.confirmationTag,
      proposals: new Map(),
    }),
  };
}

/** Signs a proposal or commit of this member for the wire format that carries it (RFC 9420 §6.1). */
export function signHandshake(
  { suite, signer }: Environment,
  state: GroupState,
  contentType: Handshake["contentType"],
  content: Uint8Array,
  { authenticatedData, wireFormat }: Pick<CommitRequest, "authenticatedData" | "wireFormat">,
): Omit<Handshake, "confirmationTag"> {
  const message = { wireFormat, contentType, sender: state.ownLeaf, content, authenticatedData };
  const tbs = framedContentTbs(wireFormat, state.context, state.encodedContext, message);
  return { ...message, signature: signWithLabel(suite, signer.signatureKey.privateKey, "FramedContentTBS", tbs) };
}

export function effectsOf(committer: number, applied: Applied, hasPath: boolean): CommitEffects {
  return {
    committer,
    added: applied.added.map(({ leaf }) => leaf),
    removed: applied.removed,
    updated: hasPath ? [...applied.updated, committer] : applied.updated,
  };
}

async function createWelcome(
  env: Environment,
  state: GroupState,
  applied: Applied,
  next: NextEpoch,
  path: NewPath | undefined,
): Promise<Uint8Array | undefined> {
  if (applied.added.length === 0) return undefined;
  const { suite } = env;
  const { context, confirmationTag } = next;
  const extensions = [{ type: ExtensionType.ratchetTree, data: encodeTree(applied.tree) }];
  const groupInfo = encodeGroupInfo(env, { signer: state.ownLeaf, context, extensions, confirmationTag });
  const { key, nonce } = welcomeKeys(suite, next.welcome);
  const encryptedGroupInfo = suite.seal(key, nonce, new Uint8Array(), groupInfo);
  erase(key, nonce);
  const secrets: EncryptedGroupSecrets[] = [];
  for (const { leaf, keyPackage } of applied.added) {
    const pathSecret = path && sharedPathSecret(path, leaf);
    // With it the new member derives the keys of all nodes that it shares with the committer, and no others (§12.4.3.1).
    const groupSecrets = { joiner: next.joiner, pathSecret, psks: applied.psks };
    secrets.push(encryptGroupSecrets(suite, keyPackage, encryptedGroupInfo, groupSecrets));
    await env.pause();
  }
  return encode((w) => writeWelcome(w, { suite: context.suite, secrets, encryptedGroupInfo }));
}

/** The path secret of the lowest node above both the committer and a leaf. The secrets are listed from the lowest node to the root. */
function sharedPathSecret(path: NewPath, leaf: number): Uint8Array | undefined {
  for (const [node, secret] of path.pathSecrets) if (isBelow(leafNode(leaf), node)) return secret;
  return undefined;
}
