// Reads drafts of messages out of JSON in which anything may be of any type.
import type { Extension } from "../../../../packages/mls-engine/src/codec/structures.ts";

export type Json = Record<string, unknown>;

export const objectOf = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const listOf = (value: unknown, most = 8): unknown[] => (Array.isArray(value) ? value.slice(0, most) : []);

export const numberOf = (value: unknown, fallback: number, max: number): number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max ? value : fallback;

/** Bytes in hexadecimal. */
export const bytesOf = (value: unknown, fallback: Uint8Array): Uint8Array =>
  typeof value === "string" ? new Uint8Array(Buffer.from(value, "hex")) : fallback;

export const bigintOf = (value: unknown, fallback: bigint): bigint =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : fallback;

export const numbersOf = (value: unknown, fallback: readonly number[]): readonly number[] =>
  Array.isArray(value) ? value.slice(0, 32).map((one) => numberOf(one, 1, 0xffff)) : fallback;

export function extensionsOf(value: unknown, fallback: readonly Extension[] = []): readonly Extension[] {
  if (!Array.isArray(value)) return fallback;
  return value.slice(0, 8).map((one) => {
    const { type, data } = objectOf(one);
    return { type: numberOf(type, 3, 0xffff), data: bytesOf(data, new Uint8Array()) };
  });
}

/** Parses an input as a JSON object; `undefined` for other inputs. */
export function readDraft(input: Uint8Array): Json | undefined {
  try {
    return objectOf(JSON.parse(Buffer.from(input).toString()));
  } catch {
    return undefined;
  }
}
