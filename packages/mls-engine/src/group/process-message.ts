import { equalBytes } from "../codec/codec.ts";
import { ContentType, WireFormat, type Handshake } from "../framing/framed-content.ts";
import { processCommit } from "../commit/process-commit.ts";
import { processProposal } from "../proposals/process-proposal.ts";
import { openPublicMessage, type PublicMessage } from "../framing/public-message.ts";
import { encodeProposals } from "../epoch/state-codec.ts";
import { MlsError } from "../errors.ts";
import { changesOf, memberOf, proposalOf } from "./members.ts";
import { PROPOSALS } from "./group-rows.ts";
import type { GroupSession, KeptEpoch } from "./group-session.ts";
import type { EpochKeys } from "./epoch-keys.ts";
import type { ApplicationMessage, CommitMessage, ProcessedMessage, ProposalMessage } from "./group-types.ts";
import { ratchetTypeOf } from "../framing/message-epoch.ts";
import { openMessage, openWith, senderIn, type OpenedMessage } from "../framing/open-message.ts";
import type { PrivateMessage } from "../framing/private-message.ts";
import type { KeyUse } from "../secret-tree/secret-tree.ts";
import type { StoreChange } from "../store/group-store.ts";
import { readWire } from "../framing/mls-message.ts";

/** What a message leads to; nothing of it has happened. */
export type Received =
  | {
      readonly kind: "step";
      readonly result: ProcessedMessage;
      /** Uses the message's key up, and gives what is to be stored. */
      readonly begin: () => readonly StoreChange[];
      /** To be called when that is stored. */
      readonly apply: () => void;
    }
  | { readonly kind: "removed"; readonly result: CommitMessage };

/** Reads, decrypts and checks a message of any kind. */
export async function receive(session: GroupSession, bytes: Uint8Array): Promise<Received> {
  const wire = readWire(bytes, session.options.limits.maxMessageBytes);
  if (wire.kind === "welcome" || wire.kind === "key_package") {
    throw new MlsError("unsupported", "A group takes no Welcome and no key package; the engine does");
  }
  const { message } = wire;
  if (!equalBytes(message.groupId, session.state.context.groupId)) throw new MlsError("wrong_group", "The message is of another group");
  const isCommit = wire.kind === "private" ? wire.message.contentType === "commit" : wire.message.contentType === ContentType.commit;
  if (message.epoch !== session.epoch)
    return receiveOther(session, bytes, wire.kind === "private" ? wire.message : undefined, message.epoch, isCommit);
  return wire.kind === "private" ? receivePrivate(session, bytes, wire.message) : receivePublic(session, bytes, wire.message);
}

async function receivePrivate(session: GroupSession, bytes: Uint8Array, message: PrivateMessage): Promise<Received> {
  const opened = await openCurrent(session, bytes, message);
  if (opened.contentType === "application") return applicationStep(session.keys, opened);
  const handshake: Handshake = {
    wireFormat: WireFormat.privateMessage,
    contentType: opened.contentType === "commit" ? ContentType.commit : ContentType.proposal,
    sender: opened.sender,
    content: opened.content,
    authenticatedData: opened.authenticatedData,
    signature: opened.signature,
    confirmationTag: opened.confirmationTag,
  };
  return handshakeStep(session, bytes, handshake, opened);
}

async function receivePublic(session: GroupSession, bytes: Uint8Array, message: PublicMessage): Promise<Received> {
  const handshake = await openPublicMessage(session.env, session.state, message);
  if (handshake.sender === session.state.ownLeaf) {
    await checkNotDiscarded(session, bytes);
    throw handshake.contentType === ContentType.commit ? rolledBack() : ownMessage();
  }
  return handshakeStep(session, bytes, handshake, undefined);
}

/** A message of another epoch than the current one: only late messages to the application are of use. */
async function receiveOther(
  session: GroupSession,
  bytes: Uint8Array,
  message: PrivateMessage | undefined,
  epoch: bigint,
  isCommit: boolean,
): Promise<Received> {
  const kept = session.past.get(epoch);
  if (kept && message?.contentType === "application") return applicationStep(kept.keys, openMessage(kept.keys.messages, message));
  if (kept && isCommit && equalBytes(await session.hash(bytes), kept.epoch.commitHash)) {
    throw new MlsError("generation_consumed", "This commit was processed before");
  }
  if (kept && message && isCommit) throw otherCommit(session, kept, message);
  const where = epoch > session.epoch ? "that is not reached yet" : "that is over";
  throw new MlsError("epoch_mismatch", `The message is of epoch ${epoch}, ${where}; the group is in ${session.epoch}`, {
    retryable: epoch > session.epoch,
    messageEpoch: epoch,
    groupEpoch: session.epoch,
  });
}

/** Another commit that a member has made for an epoch that is over. */
function otherCommit(session: GroupSession, kept: KeptEpoch, message: PrivateMessage): MlsError {
  openMessage(kept.keys.messages, message);
  return fork(kept.epoch.context.epoch, session, "A member has left an epoch by another commit than we");
}

function applicationStep(keys: EpochKeys, opened: OpenedMessage): Received {
  const { context, tree } = keys.view;
  const leaf = tree.leaf(opened.sender);
  if (leaf === undefined) throw new MlsError("decryption_failure", "The message isn't by a member of this epoch");
  const senderMember = memberOf(opened.sender, leaf);
  const key = keyUse(keys, opened);
  const result: ApplicationMessage = {
    kind: "application",
    data: opened.content,
    sender: opened.sender,
    senderMember,
    senderIdentity: senderMember.identity,
    epoch: context.epoch,
    generation: opened.generation,
    aad: opened.authenticatedData,
  };
  return { kind: "step", result, begin: key.consume, apply: key.erase };
}

async function handshakeStep(
  session: GroupSession,
  bytes: Uint8Array,
  handshake: Handshake,
  opened: OpenedMessage | undefined,
): Promise<Received> {
  return handshake.contentType === ContentType.proposal
    ? proposalStep(session, handshake, opened)
    : commitStep(session, bytes, handshake, opened);
}

async function proposalStep(session: GroupSession, handshake: Handshake, opened: OpenedMessage | undefined): Promise<Received> {
  const { state, proposal } = await processProposal(session.env, session.state, handshake);
  const key = keyUse(session.keys, opened);
  const result: ProposalMessage = {
    kind: "proposal",
    epoch: session.epoch,
    proposal: proposalOf({ proposal, sender: handshake.sender }, state.tree),
  };
  const begin = (): StoreChange[] => [...key.consume(), { key: PROPOSALS, value: encodeProposals(state.proposals) }];
  const apply = (): void => {
    session.state = state;
    key.erase();
  };
  return { kind: "step", result, begin, apply };
}

async function commitStep(
  session: GroupSession,
  bytes: Uint8Array,
  handshake: Handshake,
  opened: OpenedMessage | undefined,
): Promise<Received> {
  const { effects, next: start } = await processCommit(session.env, session.state, handshake);
  const before = session.state.tree;
  if (start === undefined) {
    const result: CommitMessage = {
      kind: "commit",
      epoch: session.epoch + 1n,
      changes: changesOf({ ...effects, added: [], updated: [] }, before, before),
      isOwn: false,
      isRemoved: true,
    };
    return { kind: "removed", result };
  }
  const commitHash = await session.hash(bytes);
  const { next, rows } = session.prepare(start, commitHash);
  const key = keyUse(session.keys, opened);
  const result: CommitMessage = {
    kind: "commit",
    epoch: next.state.context.epoch,
    changes: changesOf(effects, before, next.state.tree),
    isOwn: false,
    isRemoved: false,
  };
  const apply = (): void => {
    session.advance(next, commitHash);
    key.erase();
  };
  return { kind: "step", result, begin: () => [...key.consume(), ...rows, ...session.expire()], apply };
}

/** The two halves of using a message's key up. */
function keyUse(keys: EpochKeys, opened: OpenedMessage | undefined): { consume: () => StoreChange[]; erase: () => void } {
  let use: KeyUse | undefined;
  return {
    consume: () => {
      use = opened?.consume();
      return use ? keys.record(use.change) : [];
    },
    erase: () => {
      use?.change.fill(0);
      use?.erase();
    },
  };
}

async function openCurrent(session: GroupSession, bytes: Uint8Array, message: PrivateMessage): Promise<OpenedMessage> {
  if (message.contentType === "commit") await checkNotDiscarded(session, bytes);
  try {
    return openMessage(session.keys.messages, message);
  } catch (error) {
    throw error instanceof MlsError && error.code === "own_message" ? await judgeOwn(session, message) : error;
  }
}

/**
 * What an own message of the current epoch means. One with a key that was not used from here was sent by a later state of this member than
 * the one that is stored, as where a backup was restored. Then the group sends nothing before its keys are replaced; and after an own
 * commit it can't follow the group any more.
 */
async function judgeOwn(session: GroupSession, message: PrivateMessage): Promise<MlsError> {
  const { keys } = session;
  const sender = senderIn(keys.messages, message);
  const type = ratchetTypeOf(message.contentType);
  if (sender.leaf !== session.state.ownLeaf || sender.generation < keys.nextUnused(type)) return ownMessage();
  if (session.isOutdated && message.contentType !== "commit") return ownMessage();
  try {
    openWith(keys.messages, message, sender, keys.peekUnused(type, sender.generation));
    if (message.contentType === "commit") return rolledBack();
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    // Whether one is authentic that is too far ahead can't be told. An update costs little.
    if (error.code !== "generation_too_far") return error;
  }
  await session.markOutdated();
  return ownMessage();
}

/** Looks at a message that may be an own one of the current epoch; see `MlsGroup.noticeOwn`. */
export async function noticeOwn(session: GroupSession, bytes: Uint8Array): Promise<void> {
  try {
    const { kind, message } = readWire(bytes, session.options.limits.maxMessageBytes);
    const isCurrent = kind === "private" && message.epoch === session.epoch && equalBytes(message.groupId, session.state.context.groupId);
    if (isCurrent && message.contentType !== "commit") await judgeOwn(session, message);
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
  }
}

async function checkNotDiscarded(session: GroupSession, bytes: Uint8Array): Promise<void> {
  if (session.discarded.length === 0) return;
  const hash = await session.hash(bytes);
  if (session.discarded.some((own) => equalBytes(own, hash))) {
    throw fork(session.epoch, session, "An own commit that was discarded comes back");
  }
}

function ownMessage(): MlsError {
  return new MlsError("own_message", "The message is one's own; its key is gone since it was sent");
}

function rolledBack(): MlsError {
  return new MlsError(
    "rolled_back",
    "The group has an own commit that this state doesn't know: an older copy of the store was opened. Have a member remove this one, and join again",
  );
}

function fork(epoch: bigint, session: GroupSession, why: string): MlsError {
  return new MlsError("fork", why, { messageEpoch: epoch, groupEpoch: session.epoch });
}
