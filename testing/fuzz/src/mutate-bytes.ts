import { pick, type Random } from "./random.ts";

const INTERESTING = [0, 1, 2, 3, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff];
const MAX_LENGTH = 64 * 1024;

/** What mutations take from. */
export interface Material {
  readonly words: readonly string[];
  /** Another input that was worth keeping. */
  readonly other: Uint8Array;
}

type Mutation = (bytes: Uint8Array, random: Random, material: Material) => Uint8Array;

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const tail = bytes.subarray(at + remove);
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}

function slice(bytes: Uint8Array, random: Random): Uint8Array {
  const from = random(bytes.length + 1);
  return bytes.subarray(from, from + random(Math.min(64, bytes.length - from) + 1));
}

const replaceByte: Mutation = (bytes, random) => {
  const value = random(2) === 0 ? pick(random, INTERESTING) : random(256);
  return splice(bytes, random(bytes.length + 1), 1, Uint8Array.of(value));
};

const flipBit: Mutation = (bytes, random) => {
  const copy = bytes.slice();
  const at = random(copy.length);
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
  return copy;
};

/** A number up or down by little, read with one to four bytes. */
const addToNumber: Mutation = (bytes, random) => {
  const size = pick(random, [1, 2, 4]);
  if (bytes.length < size) return bytes;
  const buffer = Buffer.from(bytes);
  const at = random(buffer.length - size + 1);
  const modulus = 2 ** (8 * size);
  const value = (buffer.readUIntBE(at, size) + random(33) - 16 + modulus) % modulus;
  buffer.writeUIntBE(value, at, size);
  return new Uint8Array(buffer);
};

const MUTATIONS: readonly Mutation[] = [
  replaceByte,
  replaceByte,
  flipBit,
  addToNumber,
  (bytes, random) => splice(bytes, random(bytes.length + 1), 0, Uint8Array.of(random(256))),
  (bytes, random) => splice(bytes, random(bytes.length + 1), 1 + random(8), new Uint8Array()),
  (bytes, random) => splice(bytes, random(bytes.length + 1), 0, slice(bytes, random).slice()),
  (bytes, random, { other }) => splice(bytes, random(bytes.length + 1), random(16), slice(other, random).slice()),
  (bytes, random, { words }) => splice(bytes, random(bytes.length + 1), random(2) * 4, Buffer.from(pick(random, words))),
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  (bytes, random, { other }) => splice(bytes.subarray(0, random(bytes.length + 1)), bytes.length, 0, slice(other, random)),
];

/** Changes bytes in one to five places. */
export function mutateBytes(bytes: Uint8Array, random: Random, material: Material): Uint8Array {
  let mutated = bytes;
  for (let changes = 1 + random(5); changes > 0; changes--) mutated = pick(random, MUTATIONS)(mutated, random, material);
  return mutated.length > MAX_LENGTH ? mutated.slice(0, MAX_LENGTH) : mutated.slice();
}
