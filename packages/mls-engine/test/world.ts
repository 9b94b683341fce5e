import { nodeSuite, portableSuite } from "./cipher-suites.ts";
import { createMlsEngine, MlsEngineError, memoryStore, unsafeAcceptAnyCredential } from "../src/index.ts";
import type { MlsEngine, MlsEngineOptions, MlsEngineErrorCode, MlsGroup, StagedCommit } from "../src/index.ts";

/** Most members use the fast implementation and some the portable one, so that every larger group has both. */
const node = nodeSuite();
const portable = portableSuite();
const PORTABLE_EVERY = 12;
let made = 0;

export const GROUP_ID = utf8("group");

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function fromUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function newEngine(identity: string, options: Partial<MlsEngineOptions> = {}): Promise<MlsEngine> {
  const cipherSuite = ++made % PORTABLE_EVERY === 0 ? portable : node;
  return createMlsEngine({ identity, store: memoryStore(), authenticate: unsafeAcceptAnyCredential, cipherSuite, ...options });
}

/** An engine with its view of the one group. */
export interface Member {
  readonly name: string;
  readonly engine: MlsEngine;
  group: MlsGroup;
}

/** A group of `size` members, all added by the first one in one commit. */
export async function groupOf(size: number, options: Partial<MlsEngineOptions> = {}): Promise<[Member, ...Member[]]> {
  const engine = await newEngine("member 0", options);
  const first: Member = { name: "member 0", engine, group: await engine.createGroup(GROUP_ID) };
  if (size === 1) return [first];
  const engines = await Promise.all(Array.from({ length: size - 1 }, (_, i) => newEngine(`member ${i + 1}`, options)));
  const staged = await first.group.stageAdd(await Promise.all(engines.map((e) => e.keyPackage())));
  await staged.confirm();
  const others = await Promise.all(engines.map(async (e, i) => ({ name: `member ${i + 1}`, engine: e, group: await joined(e, staged) })));
  return [first, ...others];
}

export function joined(engine: MlsEngine, staged: StagedCommit): Promise<MlsGroup> {
  if (!staged.welcome) throw new TypeError("The commit adds no member");
  return engine.joinGroup(staged.welcome);
}

/** Confirms a commit and shows it to all others. */
export async function commit(staged: StagedCommit, others: readonly Member[]): Promise<void> {
  await staged.confirm();
  for (const { group } of others) await group.process(staged.commit);
}

/** The code of the MlsEngineError that a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<MlsEngineErrorCode | "resolved"> {
  try {
    await promise;
    return "resolved";
  } catch (error) {
    if (error instanceof MlsEngineError) return error.code;
    throw error;
  }
}

/** A value that is equal for all members of an epoch. */
export async function agreement(group: MlsGroup): Promise<string> {
  const secret = await group.exportSecret("test", utf8("agreement"), 32);
  const members = group.members.map((m) => `${m.leaf}:${m.identity ? fromUtf8(m.identity) : "?"}`);
  return JSON.stringify([
    group.epoch.toString(),
    Buffer.from(secret).toString("hex"),
    Buffer.from(group.epochAuthenticator).toString("hex"),
    members,
  ]);
}
