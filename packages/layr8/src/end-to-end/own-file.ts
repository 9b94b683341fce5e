import { isJsonObject } from "@parley/core";
import { EndToEndError } from "./end-to-end-error.ts";

/** A text of lines in a key store, and the DID that it belongs to. */
export interface OwnFile {
  readonly name: string;
  readonly did: string;
}

/** The complete lines of a text, and whether a part of a line follows: a crash can cut the last one. */
export function readLines(text: string): { readonly lines: readonly string[]; readonly isCut: boolean } {
  const lines = text.split("\n");
  const last = lines.pop();
  return { lines, isCut: last !== "" };
}

/** The first line of a text: whose it is. */
export function ownerLine({ did }: OwnFile): string {
  return `${JSON.stringify({ owner: did })}\n`;
}

/**
 * Whether a first line says whose a text is. The ones of former versions don't.
 *
 * @throws EndToEndError `key_store_invalid` if it is another agent's.
 */
export function isOwner(line: string, { did }: OwnFile, place: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return false;
  }
  if (!isJsonObject(value) || typeof value["owner"] !== "string") return false;
  if (value["owner"] !== did) throw new EndToEndError("key_store_invalid", `${place} is a file of ${value["owner"]}, not of ${did}`);
  return true;
}

/** @param index of the line, from 0. */
export function damaged(place: string, index: number, why: string): EndToEndError {
  return new EndToEndError("key_store_invalid", `${place} is damaged in line ${index + 1}. ${why}. Restore it from a backup`);
}
