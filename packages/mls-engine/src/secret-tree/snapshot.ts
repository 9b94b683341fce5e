import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { MlsError } from "../errors.ts";
import { Reader } from "../codec/reader.ts";
import { LAST_GENERATION, type LeafRatchets, type Ratchet } from "./ratchet.ts";
import { leavesBelow, MAX_LEAVES, treeWidth } from "../tree/tree-index.ts";
import { Writer } from "../codec/sized-writer.ts";

/** What a secret tree consists of. */
export interface TreeState {
  readonly leafCount: number;
  readonly ownLeaf: number;
  /** Secrets of nodes, by index. */
  readonly nodes: ReadonlyMap<number, Uint8Array>;
  readonly leaves: ReadonlyMap<number, LeafRatchets>;
}

const VERSION = 1;

/** The same bytes for the same state, in whatever order it came about. */
export function encodeSnapshot(crypto: MessageCrypto, state: TreeState): Uint8Array {
  const entry = 4 + crypto.keyLength + crypto.nonceLength;
  const nodes = [...state.nodes].toSorted(byIndex);
  const leaves = [...state.leaves].toSorted(byIndex);
  let size = 1 + 4 * 4 + nodes.length * (4 + crypto.hashLength);
  for (const [, { handshake, application }] of leaves) {
    size += 4 + 2 * (4 + crypto.hashLength + 4) + (handshake.skipped.size + application.skipped.size) * entry;
  }
  const writer = new Writer(size).u8(VERSION).u32(state.leafCount).u32(state.ownLeaf).u32(nodes.length);
  for (const [node, secret] of nodes) writer.u32(node).bytes(secret);
  writer.u32(leaves.length);
  for (const [leaf, { handshake, application }] of leaves) {
    writer.u32(leaf);
    for (const ratchet of [handshake, application]) {
      writer.u32(ratchet.next).bytes(ratchet.secret).u32(ratchet.skipped.size);
      for (const [generation, key] of ratchet.skipped) writer.u32(generation).bytes(key);
    }
  }
  return writer.finish();
}

/** Throws MlsError `state_damaged`. */
export function decodeSnapshot(
  crypto: MessageCrypto,
  bytes: Uint8Array,
): TreeState & { readonly nodes: Map<number, Uint8Array>; readonly leaves: Map<number, LeafRatchets> } {
  try {
    return readState(crypto, new Reader(bytes));
  } catch (cause) {
    throw new MlsError("state_damaged", "A stored secret tree can't be read", { cause });
  }
}

function readState(crypto: MessageCrypto, reader: Reader): ReturnType<typeof decodeSnapshot> {
  check(reader.u8() === VERSION, "unknown version");
  const leafCount = reader.u32();
  check(leafCount >= 1 && leafCount <= MAX_LEAVES, "the number of leaves");
  const ownLeaf = reader.u32();
  check(ownLeaf < leafCount, "the own leaf");

  const nodes = new Map<number, Uint8Array>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const node = reader.u32();
    check(node > above && node < 2 * treeWidth(leafCount) - 1, "the order of nodes");
    nodes.set(node, reader.bytes(crypto.hashLength).slice());
    above = node;
  }
  const leaves = new Map<number, LeafRatchets>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const leaf = reader.u32();
    check(leaf > above && leaf < leafCount, "the order of leaves");
    leaves.set(leaf, { handshake: readRatchet(crypto, reader), application: readRatchet(crypto, reader) });
    above = leaf;
  }
  reader.end();
  check(leaves.has(ownLeaf), "the own ratchets");
  check(coversAll(leafCount, nodes.keys(), leaves.keys()), "the nodes");
  return { leafCount, ownLeaf, nodes, leaves };
}

function readRatchet(crypto: MessageCrypto, reader: Reader): Ratchet {
  const next = reader.u32();
  check(next <= LAST_GENERATION + 1, "a generation");
  const secret = reader.bytes(crypto.hashLength).slice();
  const skipped = new Map<number, Uint8Array>();
  for (let left = reader.u32(), above = -1; left > 0; left--) {
    const generation = reader.u32();
    check(generation > above && generation < next, "the order of generations");
    skipped.set(generation, reader.bytes(crypto.keyLength + crypto.nonceLength).slice());
    above = generation;
  }
  return { next, secret, skipped };
}

/** Whether each leaf of the full tree is reached once: by a node above it, or by ratchets of its own. */
function coversAll(leafCount: number, nodes: Iterable<number>, leaves: Iterable<number>): boolean {
  const reached = [...nodes].map(leavesBelow);
  for (const leaf of leaves) reached.push({ first: leaf, count: 1 });
  let next = 0;
  for (const { first, count } of reached.toSorted((a, b) => a.first - b.first)) {
    if (first !== next) return false;
    next += count;
  }
  return next === treeWidth(leafCount);
}

function byIndex(a: readonly [number, unknown], b: readonly [number, unknown]): number {
  return a[0] - b[0];
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new MlsError("state_damaged", `A stored secret tree is damaged: ${what}`);
}
