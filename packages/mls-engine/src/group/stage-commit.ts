import { createCommit, signHandshake } from "../commit/create-commit.ts";
import { encode } from "../codec/codec.ts";
import { ContentType, WireFormat, type Handshake } from "../framing/framed-content.ts";
import type { KeyPackage } from "../join/key-package.ts";
import { encodePublicMessage } from "../framing/public-message.ts";
import { committableProposals, processProposal } from "../proposals/process-proposal.ts";
import { writeProposal, type Proposal } from "../proposals/proposal.ts";
import { encodeProposals } from "../epoch/state-codec.ts";
import { MlsError } from "../errors.ts";
import { PENDING, PROPOSALS } from "./group-rows.ts";
import type { GroupSession, Pending } from "./group-session.ts";
import type { StageOptions } from "./group-types.ts";
import { encodePending } from "./pending-codec.ts";
import { sealHandshake } from "./seal.ts";
import type { StoreChange } from "../store/group-store.ts";
import { frame } from "../framing/mls-message.ts";

/** Makes a commit, and stores it as pending before anything of it is given out. */
export async function stageCommit(
  session: GroupSession,
  options: StageOptions,
  readKeyPackage: (bytes: Uint8Array) => KeyPackage,
): Promise<Pending> {
  const { state, env } = session;
  const removes = removesOf(session, options.remove);
  const added = (options.add ?? []).map(readKeyPackage);
  const waiting = committableProposals(env, state, { removed: removes, added });
  const removed = removes.filter((leaf) => !waiting.removed.has(leaf));
  const created = await createCommit(env, state, {
    references: waiting.references,
    proposals: proposalsFor(session, options.psks, { removed, added }),
    forcePath: session.isOutdated || (options.update ?? false),
    authenticatedData: options.aad ?? new Uint8Array(),
    wireFormat: handshakeFormat(session),
  });
  const { message: commit, rows } = await encodeHandshake(session, created.handshake);
  const { next, rows: nextRows } = session.prepare(created, await session.hash(commit));
  const record = {
    commit,
    welcome: created.welcome && frame(WireFormat.welcome, created.welcome),
    effects: created.effects,
    rows: nextRows,
  };
  const value = encodePending(record);
  await session.write([...rows, { key: PENDING, value }], "durable");
  value.fill(0);
  const pending: Pending = { ...record, next, endsOutdated: session.isOutdated };
  session.pending = pending;
  return pending;
}

/** Proposes one's own removal, and keeps it for the commit that somebody makes of it. */
export async function proposeLeave(session: GroupSession): Promise<Uint8Array> {
  const { state, env } = session;
  const content = encode((w) => writeProposal(w, { kind: "remove", removed: state.ownLeaf }));
  const request = { authenticatedData: new Uint8Array(), wireFormat: handshakeFormat(session) };
  const signed = await signHandshake(env, state, ContentType.proposal, content, request);
  const handshake = { ...signed, confirmationTag: undefined };
  const { state: next } = await processProposal(env, state, handshake);
  const { message, rows } = await encodeHandshake(session, handshake);
  await session.write([...rows, { key: PROPOSALS, value: encodeProposals(next.proposals) }], "durable");
  session.state = next;
  return message;
}

/** A PublicMessage is encrypted with no key of the epoch, so it reuses none where those that were used aren't known. */
function handshakeFormat({ options, isOutdated }: GroupSession): Handshake["wireFormat"] {
  return options.handshakes === "public" || isOutdated ? WireFormat.publicMessage : WireFormat.privateMessage;
}

/** A signed proposal or commit as a message, and the rows that must be durable before it leaves. */
async function encodeHandshake(session: GroupSession, handshake: Handshake): Promise<{ message: Uint8Array; rows: StoreChange[] }> {
  if (handshake.wireFormat === WireFormat.privateMessage) return sealHandshake(session, handshake);
  return { message: frame(WireFormat.publicMessage, await encodePublicMessage(session.env, session.state, handshake)), rows: [] };
}

function removesOf({ state }: GroupSession, leaves: readonly number[] = []): number[] {
  for (const leaf of leaves) {
    if (leaf === state.ownLeaf) throw new MlsError("no_such_member", "Nobody can remove itself; propose to leave instead");
    if (state.tree.leaf(leaf) === undefined) throw new MlsError("no_such_member", `There is no member at leaf ${leaf}`);
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
    ...psks.map((id): Proposal => {
      const nonce = env.suite.rng.randomBytes(env.suite.kdf.size);
      return { kind: "psk", psk: { kind: "external", id, nonce } };
    }),
    ...added.map((keyPackage): Proposal => ({ kind: "add", keyPackage })),
  ];
}
