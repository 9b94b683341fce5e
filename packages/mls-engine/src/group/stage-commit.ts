import { encode } from "../codec/writer.ts";
import { createCommit, signHandshake } from "../commit/create-commit.ts";
import { encodeProposals } from "../epoch/state-codec.ts";
import { MlsEngineError } from "../errors.ts";
import { WireFormat, type Handshake } from "../framing/framed-content.ts";
import { encodeMlsMessage } from "../framing/mls-message.ts";
import { encodePublicMessage } from "../framing/public-message.ts";
import type { KeyPackage } from "../join/key-package.ts";
import { committableProposals } from "../proposals/committable-proposals.ts";
import { processProposal } from "../proposals/process-proposal.ts";
import { writeProposal, type Proposal } from "../proposals/proposal.ts";
import type { StoreChange } from "../store/group-store.ts";
import { PENDING, PROPOSALS } from "./group-rows.ts";
import type { GroupSession, Pending } from "./group-session.ts";
import type { StageOptions } from "./group-types.ts";
import { encodePending } from "./pending-codec.ts";
import { sealHandshake } from "./seal.ts";

/**
 * Creates a commit, and stores it with the epoch that it leads to before it is returned: a restart between sending and confirming loses
 * nothing.
 */
export async function stageCommit(
  session: GroupSession,
  options: StageOptions,
  readKeyPackage: (bytes: Uint8Array) => KeyPackage,
): Promise<Pending> {
  const { state, env } = session;
  const removes = leavesToRemove(session, options.remove);
  const added = (options.add ?? []).map(readKeyPackage);
  const waiting = committableProposals(env, state, { removed: removes, added });
  const removed = removes.filter((leaf) => !waiting.removed.has(leaf));
  const created = await createCommit(env, state, {
    references: waiting.references,
    proposals: proposalsFor(session, options.psks, { removed, added }),
    // RFC 9420 §12.4 permits commits that only add members to omit the path. Without it, keys that may have been used twice would remain.
    forcePath: session.needsUpdate || (options.update ?? false),
    authenticatedData: options.aad ?? new Uint8Array(),
    wireFormat: handshakeFormat(session),
  });
  const { message: commit, rows } = encodeHandshake(session, created.handshake);
  const { next, rows: nextRows } = session.prepare(created, session.hash(commit));
  const record = {
    commit,
    welcome: created.welcome && encodeMlsMessage(WireFormat.welcome, created.welcome),
    effects: created.effects,
    rows: nextRows,
  };
  const value = encodePending(record);
  await session.write([...rows, { key: PENDING, value }], "durable");
  // It contains secrets of the next epoch, and the store has copied it.
  value.fill(0);
  const pending: Pending = { ...record, next, replacesKeys: session.needsUpdate };
  session.pending = pending;
  return pending;
}

/** Creates a proposal to remove this member, and adds it to the pending ones. Another member must commit it (RFC 9420 §12.1.3). */
export async function proposeLeave(session: GroupSession): Promise<Uint8Array> {
  const { state, env } = session;
  const content = encode((w) => writeProposal(w, { kind: "remove", removed: state.ownLeaf }));
  const request = { authenticatedData: new Uint8Array(), wireFormat: handshakeFormat(session) };
  const signed = signHandshake(env, state, "proposal", content, request);
  const handshake = { ...signed, confirmationTag: undefined };
  const { state: next } = await processProposal(env, state, handshake);
  const { message, rows } = encodeHandshake(session, handshake);
  await session.write([...rows, { key: PROPOSALS, value: encodeProposals(next.proposals) }], "durable");
  session.state = next;
  return message;
}

/** A PublicMessage uses no message key. So it is safe to send even if the keys of the epoch may have been used before. */
function handshakeFormat({ options, needsUpdate }: GroupSession): Handshake["wireFormat"] {
  return options.handshakes === "public" || needsUpdate ? WireFormat.publicMessage : WireFormat.privateMessage;
}

/** A signed proposal or commit as a message, and the rows that must be durable before it is sent. */
function encodeHandshake(session: GroupSession, handshake: Handshake): { message: Uint8Array; rows: StoreChange[] } {
  if (handshake.wireFormat === WireFormat.privateMessage) return sealHandshake(session, handshake);
  const content = encodePublicMessage(session.env, session.state, handshake);
  return { message: encodeMlsMessage(WireFormat.publicMessage, content), rows: [] };
}

function leavesToRemove({ state }: GroupSession, leaves: readonly number[] = []): number[] {
  for (const leaf of leaves) {
    if (leaf === state.ownLeaf) throw new MlsEngineError("no_such_member", "A member cannot remove itself: call leave() instead");
    if (state.tree.leaf(leaf) === undefined) throw new MlsEngineError("no_such_member", `Leaf ${leaf} is not a member`);
  }
  return [...new Set(leaves)];
}

function proposalsFor(
  { env }: GroupSession,
  psks: StageOptions["psks"] = [],
  { removed, added }: { readonly removed: readonly number[]; readonly added: readonly KeyPackage[] },
): Proposal[] {
  return [
    ...removed.map((leaf): Proposal => ({ kind: "remove", removed: leaf })),
    ...psks.map((id): Proposal => ({ kind: "psk", psk: { kind: "external", id, nonce: env.suite.random(env.suite.hashLength) } })),
    ...added.map((keyPackage): Proposal => ({ kind: "add", keyPackage })),
  ];
}
