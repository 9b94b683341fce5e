// Inserts a counter at every branch of a program.
import { parseSync } from "vite";

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);

/**
 * The same JavaScript with a call of `fuzzBranch(n)` wherever execution can take one way or another: functions, branches, loops, operands
 * that may be skipped.
 *
 * @param path names the file in errors
 * @param next gives the number of the next counter
 */
export function instrument(code, path, next) {
  const { program, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  const insertions = [];
  const insert = (at, text, closes = false) => insertions.push({ at, text, closes });
  const count = () => `fuzzBranch(${next()})`;

  const wrap = (node) => insert(node.start, `(${count()},`);
  const endWrap = (node) => insert(node.end, ")", true);
  const openBlock = (node) => insert(node.type === "BlockStatement" ? node.start + 1 : node.start, blockStart(node, count()));
  const closeBlock = (node) => node.type !== "BlockStatement" && insert(node.end, "}", true);

  visit(program, {
    enter(node, role) {
      if (role === "expression") wrap(node);
      else if (role === "statement") openBlock(node);
      else if (role === "case") insert(node.start, `${count()};`);
    },
    leave(node, role) {
      if (role === "expression") endWrap(node);
      else if (role === "statement") closeBlock(node);
    },
  });
  return apply(code, insertions);
}

function blockStart(node, call) {
  return node.type === "BlockStatement" ? `${call};` : `{${call};`;
}

/** Which children of a node execution may or may not reach, and what they are. */
function rolesOf(node) {
  if (FUNCTIONS.has(node.type)) return [[node.body, node.body?.type === "BlockStatement" ? "statement" : "expression"]];
  if (LOOPS.has(node.type)) return [[node.body, "statement"]];
  switch (node.type) {
    case "IfStatement":
      return [
        [node.consequent, "statement"],
        [node.alternate, "statement"],
      ];
    case "ConditionalExpression":
      return [
        [node.consequent, "expression"],
        [node.alternate, "expression"],
      ];
    case "LogicalExpression":
      return [[node.right, "expression"]];
    case "CatchClause":
      return [[node.body, "statement"]];
    case "SwitchCase":
      return node.consequent.slice(0, 1).map((first) => [first, "case"]);
    default:
      return [];
  }
}

function visit(node, { enter, leave }, role) {
  if (Array.isArray(node)) return node.forEach((one) => visit(one, { enter, leave }));
  if (typeof node !== "object" || node === null) return;
  if (role !== undefined) enter(node, role);
  const roles = new Map(typeof node.type === "string" ? rolesOf(node) : []);
  for (const key in node) {
    const child = node[key];
    if (Array.isArray(child)) for (const one of child) visit(one, { enter, leave }, roles.get(one));
    else visit(child, { enter, leave }, roles.get(child));
  }
  if (role !== undefined) leave(node, role);
}

/** Nested insertions are in order already: outer ones begin first and end last. */
function apply(code, insertions) {
  const sorted = insertions.map((one, order) => ({ ...one, order }));
  sorted.sort((a, b) => a.at - b.at || Number(b.closes) - Number(a.closes) || a.order - b.order);
  let result = "";
  let from = 0;
  for (const { at, text } of sorted) {
    result += code.slice(from, at) + text;
    from = at;
  }
  return result + code.slice(from);
}
