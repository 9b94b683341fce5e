import { decodeWhole } from "../../src/codec/reader.ts";
import { createCommit, type CreatedCommit } from "../../src/commit/create-commit.ts";
import { createGroup } from "../../src/join/create-group.ts";
import { WireFormat } from "../../src/framing/framed-content.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import type { GroupState } from "../../src/epoch/group-state.ts";
import { join } from "../../src/join/join.ts";
import type { OwnKeyPackage } from "../../src/join/key-package.ts";
import { createKeyPackage } from "../../src/join/key-package.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import type { Proposal } from "../../src/proposals/proposal.ts";
import { readWelcome } from "../../src/join/welcome.ts";
import { environment, newSigner } from "./environment.ts";

/** A member without messages and store: only what the protocol knows. */
export interface Client {
  readonly env: Environment;
  readonly own: OwnKeyPackage;
  state: GroupState;
}

export async function newClient(name: string): Promise<{ env: Environment; own: OwnKeyPackage }> {
  const env = environment(1, newSigner(1, name));
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { env, own: createKeyPackage(env.suite, env.signer, { notBefore: now - 60n, notAfter: now + 3600n }, false) };
}

export function propose(client: Client, proposals: readonly Proposal[], forcePath = false): Promise<CreatedCommit> {
  return createCommit(client.env, client.state, {
    proposals,
    references: [],
    forcePath,
    authenticatedData: new Uint8Array(),
    wireFormat: WireFormat.privateMessage,
  });
}

/** A group that the first has made; at least two. */
export async function groupOfClients(size: number): Promise<[Client, Client, ...Client[]]> {
  const first = await newClient("0");
  const creator: Client = { ...first, state: (await createGroup(first.env, new Uint8Array([1]), first.own)).state };
  const others = await Promise.all(Array.from({ length: size - 1 }, (_, i) => newClient(String(i + 1))));
  const added = await propose(
    creator,
    others.map(({ own }) => ({ kind: "add", keyPackage: own.keyPackage })),
  );
  const welcome = decodeWhole(added.welcome ?? new Uint8Array(), readWelcome);
  const joined: Client[] = [];
  for (const other of others) joined.push({ ...other, state: (await join(other.env, welcome, other.own)).state });
  creator.state = added.state;
  const [second, ...rest] = joined;
  if (!second) throw new TypeError("A group of clients has two at least");
  return [creator, second, ...rest];
}

/** Commits, and lets all others follow. */
export async function commitTo(committer: Client, others: readonly Client[], proposals: readonly Proposal[] = []): Promise<CreatedCommit> {
  const created = await propose(committer, proposals, true);
  for (const other of others) {
    const { next } = await processCommit(other.env, other.state, created.handshake);
    if (next) other.state = next.state;
  }
  committer.state = created.state;
  return created;
}
