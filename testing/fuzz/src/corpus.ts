import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Inputs in a file: one a line, as base64url. */
export function readCorpus(path: string): Uint8Array[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => new Uint8Array(Buffer.from(line, "base64url")));
}

export function writeCorpus(path: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, inputs.map((input) => `${Buffer.from(input).toString("base64url")}\n`).join(""));
}
