import { encode } from "../codec/codec.ts";
import { applyProposals, type Applied } from "../proposals/apply-proposals.ts";
import type { Environment } from "../epoch/environment.ts";
import { encodeFramedContent, framedContentToBeSigned, ContentType, type Handshake } from "../framing/framed-content.ts";
import { groupState, survivingKeys, type CommitEffects, type EpochStart, type GroupState } from "../epoch/group-state.ts";
import { erase, sign } from "../crypto/labels.ts";
import { checkMembers } from "../tree/leaf-validation.ts";
import { nextEpoch, type NextEpoch } from "../key-schedule/next-epoch.ts";
import { writeCommit, type Proposal, type ProposalOrRef } from "../proposals/proposal.ts";
import { encodeTree } from "../tree/ratchet-tree.ts";
import { ExtensionType } from "../codec/structures.ts";
import { isBelow, leafNode } from "../tree/tree-math.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { checkUniqueIdentities } from "../tree/unique-identities.ts";
import { createPath, type NewPath } from "../tree/update-path.ts";
import { encodeGroupInfo, encryptGroupSecrets, welcomeKeys, writeWelcome, type Welcome } from "../join/welcome.ts";

/** A commit of one's own: nothing of it is in effect yet. */
export interface CreatedCommit extends EpochStart {
  readonly handshake: Handshake;
  /** The content of the Welcome message, when somebody is added. */
  readonly welcome: Uint8Array | undefined;
  readonly effects: CommitEffects;
}

export interface CommitRequest {
  readonly proposals: readonly Proposal[];
  /** References of proposals that wait. */
  readonly references: readonly Uint8Array[];
  /** Whether to change the own keys also where that isn't required. */
  readonly forcePath: boolean;
  readonly authenticatedData: Uint8Array;
  readonly wireFormat: Handshake["wireFormat"];
}

/** Makes a commit of one's own (RFC 9420 §12.4.1). */
export async function createCommit(env: Environment, state: GroupState, request: CommitRequest): Promise<CreatedCommit> {
  const proposals: ProposalOrRef[] = [
    ...request.references.map((reference): ProposalOrRef => ({ kind: "reference", reference })),
    ...request.proposals.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal })),
  ];
  const applied = await applyProposals(env, state, proposals, state.ownLeaf, true);
  const { tree } = applied;
  const base = { ...state.context, epoch: state.context.epoch + 1n, extensions: applied.extensions };
  const addedNodes = new Set(applied.added.map(({ leaf }) => leafNode(leaf)));
  const path = applied.needsPath || request.forcePath ? await createPath(env, state, tree, base, addedNodes) : undefined;
  await checkMembers(env, tree, applied.extensions, "invalid_key_package");
  checkUniqueIdentities(env, state.tree, tree.leaves());

  const signed = await signCommit(
    env,
    state,
    encode((w) => writeCommit(w, { proposals, path: path?.path })),
    request,
  );
  const provisional = path?.context ?? { ...base, treeHash: await treeHash(env.suite, tree, env.pause) };
  const commitSecret = path?.commitSecret ?? new Uint8Array(env.suite.kdf.size);
  const next = await nextEpoch(env, state, provisional, applied.psks, commitSecret, signed);
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

/** A proposal or commit of one's own, signed for the kind of message that carries it. */
export async function signHandshake(
  env: Environment,
  state: GroupState,
  contentType: Handshake["contentType"],
  content: Uint8Array,
  { authenticatedData, wireFormat }: Pick<CommitRequest, "authenticatedData" | "wireFormat">,
): Promise<Omit<Handshake, "confirmationTag">> {
  const parts = { wireFormat, contentType, sender: state.ownLeaf, content, authenticatedData };
  const framed = encodeFramedContent(state.context, parts);
  const toBeSigned = framedContentToBeSigned(state.context, wireFormat, framed);
  return { ...parts, signature: await sign(env.suite, env.signer.signatureKey.privateKey, "FramedContentTBS", toBeSigned) };
}

export function effectsOf(committer: number, applied: Applied, hasPath: boolean): CommitEffects {
  return {
    committer,
    added: applied.added.map(({ leaf }) => leaf),
    removed: applied.removed,
    updated: hasPath ? [...applied.updated, committer] : applied.updated,
  };
}

function signCommit(
  env: Environment,
  state: GroupState,
  content: Uint8Array,
  request: CommitRequest,
): Promise<Omit<Handshake, "confirmationTag">> {
  return signHandshake(env, state, ContentType.commit, content, request);
}

async function createWelcome(
  env: Environment,
  state: GroupState,
  applied: Applied,
  next: NextEpoch,
  path: NewPath | undefined,
): Promise<Uint8Array | undefined> {
  if (applied.added.length === 0) return undefined;
  const extensions = [{ type: ExtensionType.ratchetTree, data: encodeTree(applied.tree) }];
  const groupInfo = await encodeGroupInfo(env, state.ownLeaf, next.context, extensions, next.confirmationTag);
  const { key, nonce } = await welcomeKeys(env.suite, next.welcome);
  const encryptedGroupInfo = await env.suite.hpke.encryptAead(key, nonce, undefined, groupInfo);
  erase(key, nonce);
  const secrets: Welcome["secrets"][number][] = [];
  for (const { leaf, keyPackage } of applied.added) {
    const pathSecret = path && sharedPathSecret(path, leaf);
    const groupSecrets = { joiner: next.joiner, pathSecret, psks: applied.psks };
    secrets.push(await encryptGroupSecrets(env.suite, keyPackage, encryptedGroupInfo, groupSecrets));
    await env.pause();
  }
  return encode((w) => writeWelcome(w, { suite: next.context.suite, secrets, encryptedGroupInfo }));
}

/** The secret of the lowest node of a path above a leaf. Paths go upwards, so the first that fits is it. */
function sharedPathSecret(path: NewPath, leaf: number): Uint8Array | undefined {
  for (const [node, secret] of path.pathSecrets) if (isBelow(leafNode(leaf), node)) return secret;
  return undefined;
}
