// Reads TypeScript with a real parser, so that a check is fooled neither by comments nor by strings.
import { readFileSync } from "node:fs";
import { parseSync } from "vite";

/** Parses a TypeScript or JavaScript file: `{ path, text, program, comments }`. Throws for invalid code. */
export function parseSource(path) {
  const text = readFileSync(path, "utf8");
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  return { path, text, program, comments };
}

/** Calls `visit` with every node of a syntax tree. */
export function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
  } else if (typeof node === "object" && node !== null) {
    if (typeof node.type === "string") visit(node);
    for (const key in node) walk(node[key], visit);
  }
}

/** The module that a node imports or re-exports from, types included; `undefined` for other nodes. */
export function importedFrom(node) {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return node.source?.value;
    case "CallExpression":
      return node.callee.type === "Identifier" && node.callee.name === "require" ? node.arguments[0]?.value : undefined;
    default:
      return undefined;
  }
}

/** The line of an offset, from 1. */
export function lineAt(text, offset) {
  return text.slice(0, offset).split("\n").length;
}
