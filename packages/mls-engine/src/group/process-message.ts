import { equalBytes } from "../codec/bytes.ts";
import { processCommit } from "../commit/process-commit.ts";
import { encodeProposals } from "../epoch/state-codec.ts";
import { MlsEngineError } from "../errors.ts";
import { WireFormat, type Handshake } from "../framing/framed-content.ts";
import { readMlsMessage } from "../framing/mls-message.ts";
import { openMessage, openWith, senderOf, type OpenedMessage } from "../framing/open-message.ts";
import type { PrivateMessage } from "../framing/private-message.ts";
import { openPublicMessage, type PublicMessage } from "../framing/public-message.ts";
import { processProposal } from "../proposals/process-proposal.ts";
import { ratchetTypeOf } from "../secret-tree/ratchet.ts";
import type { KeyUse } from "../secret-tree/secret-tree.ts";
import type { StoreChange } from "../store/group-store.ts";
import type { EpochKeys } from "./epoch-keys.ts";
import { PROPOSALS } from "./group-rows.ts";
import type { GroupSession, RetainedEpoch } from "./group-session.ts";
import type { ApplicationMessage, CommitMessage, ProcessedMessage, ProposalMessage } from "./group-types.ts";
import { changesOf, memberOf, proposalOf } from "./members.ts";

/** The result of a message that was validated. Nothing is changed yet. */
export type Received =
  | {
      readonly kind: "step";
      readonly result: ProcessedMessage;
      /** Consumes the message's key, and returns the rows to store. */
      readonly begin: () => readonly StoreChange[];
      /** Called when the rows are stored. */
      readonly apply: () => void;
    }
  | { readonly kind: "removed"; readonly result: CommitMessage };

/**
 * Reads, decrypts and validates a message of any kind. Called by `MlsGroup.process`, which stores the rows before it applies the step: a
 * crash in between repeats the step or leaves it out, but never does half of it.
 */
export async function receive(session: GroupSession, bytes: Uint8Array): Promise<Received> {
  const parsed = readMlsMessage(bytes, session.options.limits.maxMessageBytes);
  if (parsed.kind === "welcome" || parsed.kind === "key_package") {
    throw new MlsEngineError("unsupported", "A group cannot process a Welcome or a key package: pass it to the engine");
  }
  const { message } = parsed;
  if (!equalBytes(message.groupId, session.state.context.groupId))
    throw new MlsEngineError("wrong_group", "The message is of another group");
  if (message.epoch !== session.epoch) return receiveOther(session, bytes, parsed);
  return parsed.kind === "private" ? receivePrivate(session, bytes, parsed.message) : receivePublic(session, bytes, parsed.message);
}

async function receivePrivate(session: GroupSession, bytes: Uint8Array, message: PrivateMessage): Promise<Received> {
  const opened = await openCurrent(session, bytes, message);
  const { contentType, sender, content, authenticatedData, signature, confirmationTag } = opened;
  if (contentType === "application") return applicationStep(session.keys, opened);
  const wireFormat = WireFormat.privateMessage;
  const handshake: Handshake = { wireFormat, contentType, sender, content, authenticatedData, signature, confirmationTag };
  return handshakeStep(session, bytes, handshake, opened);
}

function receivePublic(session: GroupSession, bytes: Uint8Array, message: PublicMessage): Promise<Received> {
  const handshake = openPublicMessage(session.env, session.state, message);
  if (handshake.sender === session.state.ownLeaf) {
    // `MlsGroup.process` confirms a delivered staged commit before this call. So an own commit that was not discarded is missing in this state.
    checkNotDiscarded(session, bytes);
    throw handshake.contentType === "commit" ? rolledBack() : ownMessage();
  }
  return handshakeStep(session, bytes, handshake, undefined);
}

type GroupMessage = Extract<ReturnType<typeof readMlsMessage>, { kind: "private" | "public" }>;

/** A message of another epoch than the current one. Only application messages of retained epochs are accepted. */
function receiveOther(session: GroupSession, bytes: Uint8Array, { kind, message }: GroupMessage): Received {
  const { epoch, contentType } = message;
  const retained = session.past.get(epoch);
  if (retained && kind === "private" && contentType === "application") {
    return applicationStep(retained.keys, openMessage(retained.keys.messages, message));
  }
  // Proposals and commits are valid in their epoch only (RFC 9420 §12). An authentic second commit shows that the group has forked.
  if (retained && contentType === "commit") {
    if (equalBytes(session.hash(bytes), retained.epoch.commitHash)) {
      throw new MlsEngineError("generation_consumed", "The commit was processed before");
    }
    if (kind === "private") throw forkBy(session, retained, message);
  }
  const state = epoch > session.epoch ? "not reached yet" : "no longer retained";
  throw new MlsEngineError("epoch_mismatch", `The message is of epoch ${epoch}, ${state}; the group is in epoch ${session.epoch}`, {
    retryable: epoch > session.epoch,
    messageEpoch: epoch,
    groupEpoch: session.epoch,
  });
}

/** The error for a second commit of a past epoch, if it is authentic. */
function forkBy(session: GroupSession, retained: RetainedEpoch, message: PrivateMessage): MlsEngineError {
  openMessage(retained.keys.messages, message);
  return forkError(message.epoch, session, "A member ended a past epoch with another commit than this member");
}

function applicationStep(keys: EpochKeys, opened: OpenedMessage): Received {
  const { context, tree } = keys.view;
  const leaf = tree.leaf(opened.sender);
  if (leaf === undefined) throw new MlsEngineError("decryption_failure", "The sender of the message is not a member of its epoch");
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

function handshakeStep(
  session: GroupSession,
  bytes: Uint8Array,
  handshake: Handshake,
  opened: OpenedMessage | undefined,
): Promise<Received> {
  return handshake.contentType === "proposal" ? proposalStep(session, handshake, opened) : commitStep(session, bytes, handshake, opened);
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
  // The commit removes this member: no path secret is encrypted to it, so it cannot compute the next epoch (RFC 9420 §12.4.2).
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
  const commitHash = session.hash(bytes);
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

/**
 * Consumes a message's key in two steps. `consume` returns the rows that record the key as used. `erase` runs after they are stored: a key
 * that is erased earlier could not decrypt the message again if the write failed. A PublicMessage has no key.
 */
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
  if (message.contentType === "commit") checkNotDiscarded(session, bytes);
  try {
    return openMessage(session.keys.messages, message);
  } catch (error) {
    throw error instanceof MlsEngineError && error.code === "own_message" ? await ownMessageError(session, message) : error;
  }
}

/**
 * The error for an own message of the current epoch, and a check for a rollback.
 *
 * If a key that is unused according to this state decrypts the message, a later state of this member sent it: a backup was restored, or a
 * copy of the store is in use. Then the keys after it may have been used too, and the group must not send before they are replaced. After
 * an own commit the group can't continue at all, since the private keys of that commit are lost.
 */
async function ownMessageError(session: GroupSession, message: PrivateMessage): Promise<MlsEngineError> {
  const { keys } = session;
  const sender = senderOf(keys.messages, message);
  const type = ratchetTypeOf(message.contentType);
  if (sender.leaf !== session.state.ownLeaf || sender.generation < keys.nextUnused(type)) return ownMessage();
  if (session.needsUpdate && message.contentType !== "commit") return ownMessage();
  try {
    openWith(keys.messages, message, sender, keys.peekUnused(type, sender.generation));
    if (message.contentType === "commit") return rolledBack();
  } catch (error) {
    if (!(error instanceof MlsEngineError)) throw error;
    // A message too far ahead can't be authenticated. An unnecessary update is cheap, so it counts as authentic.
    if (error.code !== "generation_too_far") return error;
  }
  await session.requireUpdate();
  return ownMessage();
}

/** Checks a message of the current epoch for a rollback; see `MlsGroup.detectRollback`. */
export async function detectRollback(session: GroupSession, bytes: Uint8Array): Promise<void> {
  try {
    const { kind, message } = readMlsMessage(bytes, session.options.limits.maxMessageBytes);
    const isCurrent = kind === "private" && message.epoch === session.epoch && equalBytes(message.groupId, session.state.context.groupId);
    if (isCurrent && message.contentType !== "commit") await ownMessageError(session, message);
  } catch (error) {
    if (!(error instanceof MlsEngineError)) throw error;
  }
}

/** @throws MlsEngineError `fork` if the bytes are an own commit that was discarded */
function checkNotDiscarded(session: GroupSession, bytes: Uint8Array): void {
  if (session.discarded.length === 0) return;
  const hash = session.hash(bytes);
  if (session.discarded.some((own) => equalBytes(own, hash))) {
    throw forkError(session.epoch, session, "An own commit was delivered after it had been discarded");
  }
}

function ownMessage(): MlsEngineError {
  return new MlsEngineError("own_message", "Cannot decrypt own message: its key was erased after sending");
}

function rolledBack(): MlsEngineError {
  return new MlsEngineError(
    "rolled_back",
    "The group has an own commit that is missing in the stored state: an older copy of the store was opened. Have another member remove this member, then join again",
  );
}

function forkError(epoch: bigint, session: GroupSession, message: string): MlsEngineError {
  return new MlsEngineError("fork", message, { messageEpoch: epoch, groupEpoch: session.epoch });
}
