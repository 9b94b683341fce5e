import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsEngineError } from "../errors.ts";
import { LAST_GENERATION, MAX_LEAVES, type LeafRatchets, type Ratchet } from "./ratchet.ts";
import { fullLeafCount, leavesBelow } from "../tree/tree-math.ts";

/** The secrets of a secret tree. */
export interface TreeState {
  readonly leafCount: number;
  readonly ownLeaf: number;
  /** Secrets of nodes, by index. */
  readonly nodes: ReadonlyMap<number, Uint8Array>;
  readonly leaves: ReadonlyMap<number, LeafRatchets>;
}

const VERSION = 1;

/** Encodes a secret tree. Equal states have equal encodings, whatever the order of the changes that led to them. */
export function encodeSnapshot(suite: CipherSuite, state: TreeState): Uint8Array {
  const entry = 4 + suite.keyLength + suite.nonceLength;
  const nodes = [...state.nodes].toSorted(byIndex);
  const leaves = [...state.leaves].toSorted(byIndex);
  let size = 1 + 4 * 4 + nodes.length * (4 + suite.hashLength);
  for (const [, { handshake, application }] of leaves) {
    size += 4 + 2 * (4 + suite.hashLength + 4) + (handshake.skipped.size + application.skipped.size) * entry;
  }
  const writer = new Writer(size).u8(VERSION).u32(state.leafCount).u32(state.ownLeaf).u32(nodes.length);
  for (const [node, secret] of nodes) writer.u32(node).raw(secret);
  writer.u32(leaves.length);
  for (const [leaf, { handshake, application }] of leaves) {
    writer.u32(leaf);
    for (const ratchet of [handshake, application]) {
      writer.u32(ratchet.next).raw(ratchet.secret).u32(ratchet.skipped.size);
      for (const [generation, key] of ratchet.skipped) writer.u32(generation).raw(key);
    }
  }
  return writer.finish();
}

/** @throws MlsEngineError `state_damaged` */
export function decodeSnapshot(
  suite: CipherSuite,
  bytes: Uint8Array,
): TreeState & { readonly nodes: Map<number, Uint8Array>; readonly leaves: Map<number, LeafRatchets> } {
  try {
    return readState(suite, new Reader(bytes));
  } catch (cause) {
    throw new MlsEngineError("state_damaged", "A stored secret tree is damaged", { cause });
  }
}

function readState(suite: CipherSuite, reader: Reader): ReturnType<typeof decodeSnapshot> {
  check(reader.u8() === VERSION, "unknown version");
  const leafCount = reader.u32();
  check(leafCount >= 1 && leafCount <= MAX_LEAVES, "the number of leaves");
  const ownLeaf = reader.u32();
  check(ownLeaf < leafCount, "the own leaf");

  const nodes = new Map<number, Uint8Array>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const node = reader.u32();
    check(node > above && node < 2 * fullLeafCount(leafCount) - 1, "the order of nodes");
    nodes.set(node, reader.bytes(suite.hashLength).slice());
    above = node;
  }
  const leaves = new Map<number, LeafRatchets>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const leaf = reader.u32();
    check(leaf > above && leaf < leafCount, "the order of leaves");
    leaves.set(leaf, { handshake: readRatchet(suite, reader), application: readRatchet(suite, reader) });
    above = leaf;
  }
  reader.end();
  check(leaves.has(ownLeaf), "the own ratchets");
  check(coversAll(leafCount, nodes.keys(), leaves.keys()), "the nodes");
  return { leafCount, ownLeaf, nodes, leaves };
}

function readRatchet(suite: CipherSuite, reader: Reader): Ratchet {
  const next = reader.u32();
  check(next <= LAST_GENERATION + 1, "a generation");
  const secret = reader.bytes(suite.hashLength).slice();
  const skipped = new Map<number, Uint8Array>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const generation = reader.u32();
    check(generation > above && generation < next, "the order of generations");
    skipped.set(generation, reader.bytes(suite.keyLength + suite.nonceLength).slice());
    above = generation;
  }
  return { next, secret, skipped };
}

/** Whether each leaf of the full tree has one source: a node secret above it, or its own ratchets. Two sources would allow a key to be used twice. */
function coversAll(leafCount: number, nodes: Iterable<number>, leaves: Iterable<number>): boolean {
  const reached = [...nodes].map(leavesBelow);
  for (const leaf of leaves) reached.push({ first: leaf, count: 1 });
  let next = 0;
  for (const { first, count } of reached.toSorted((a, b) => a.first - b.first)) {
    if (first !== next) return false;
    next += count;
  }
  return next === fullLeafCount(leafCount);
}

function byIndex(a: readonly [number, unknown], b: readonly [number, unknown]): number {
  return a[0] - b[0];
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new MlsEngineError("state_damaged", `A stored secret tree is damaged: ${what}`);
}
