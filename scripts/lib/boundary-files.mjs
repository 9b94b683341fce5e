// The rules of the package boundaries that source files can break.
import { builtinModules } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { label, permitted, runtimeDependencies } from "./boundary-manifests.mjs";
import { importedFrom, lineAt, walk } from "./source.mjs";
import { display } from "./workspace.mjs";

/** Globals that do I/O. */
const IO_GLOBALS = new Set(["fetch", "WebSocket", "EventSource", "XMLHttpRequest"]);

/** Violations in one file of a workspace member. Tests, apps and benchmarks are held only to what no file may do. */
export function checkFile({ path, text, program }, member, { all, rules, root }) {
  const inMember = display(path, member.dir);
  const shipped = /^(src|bin)\//.test(inMember);
  const problems = [];
  const report = (node, message) => problems.push(`${display(path, root)}:${lineAt(text, node.start)}: ${message}`);

  const published = member.group === "packages";
  const library = (published || member.group === "testing") && shipped;
  const mayReadEnv =
    !published || /(^|\/)bin\.ts$|^bin\//.test(inMember) || (rules[member.folder]?.meta === true && inMember === "src/env.ts");
  const pure = published && member.folder === "core" && !inMember.startsWith("src/net/");

  walk(program, (node) => {
    if (exportsGeneratedKeyAsJwk(node)) {
      report(
        node,
        'exporting a generated key as JWK deadlocks Node 20 after some thousand calls. Ask for the JWK in generateKeyPairSync itself (publicKeyEncoding: { format: "jwk" }).',
      );
    }
    if (!library) return;
    const specifier = importedFrom(node);
    if (specifier !== undefined) {
      const problem = checkImport(specifier, { path, member, all, rules, pure });
      if (problem !== undefined) report(node, problem);
    }
    if (!mayReadEnv && readsEnv(node)) {
      report(node, "only src/env.ts of a meta package, bin.ts, apps and bench read process.env. Take the value as an option instead.");
    }
    if (pure && doesIo(node)) report(node, "core does no I/O. Let the caller pass in what does it, or move this into another package.");
  });
  return problems;
}

function checkImport(specifier, { path, member, all, rules, pure }) {
  if (specifier.startsWith(".")) {
    const target = resolve(dirname(path), specifier);
    if (!target.startsWith(member.dir + sep)) return `"${specifier}" leaves the package. Import the other package by its name.`;
    const isNet = target.startsWith(join(member.dir, "src", "net") + sep);
    return pure && isNet ? `core does no I/O outside of src/net ("${specifier}"). Move this there.` : undefined;
  }
  if (specifier.startsWith("node:")) {
    return pure ? `core does no I/O and imports no Node module ("${specifier}"). Move this into another package.` : undefined;
  }
  const name = packageName(specifier);
  if (builtinModules.includes(name)) return `write "node:${specifier}" instead of "${specifier}".`;
  if (name === member.manifest.name) return `"${specifier}" is this package itself. Import the file by its relative path.`;
  const target = all.find((other) => other.manifest.name === name);
  if (member.group === "packages" && rules[member.folder] !== undefined) {
    const rule = rules[member.folder];
    const allowed = target === undefined ? rule.libraries.includes(name) : rule.packages.includes(label(target));
    if (!allowed) return `"${specifier}" is not allowed here. ${permitted(member.folder, rule)}`;
  }
  if (!runtimeDependencies(member.manifest).includes(name)) {
    return `"${specifier}" is imported but "${name}" is not in this package's dependencies (devDependencies are for tests only).`;
  }
  return undefined;
}

function packageName(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** `object.name`, `object["name"]`: the name. */
function memberName(node) {
  if (node?.type !== "MemberExpression") return undefined;
  return node.computed ? node.property.value : node.property.name;
}

/** The name of a variable, or of the last member: `fetch` of `fetch` and of `globalThis.fetch`. */
function lastName(node) {
  return node?.type === "Identifier" ? node.name : memberName(node);
}

function isProcess(node) {
  return lastName(node) === "process";
}

function readsEnv(node) {
  if (memberName(node) === "env") return isProcess(node.object);
  const keys = (properties) => properties.map((property) => property.key?.name ?? property.key?.value);
  if (node.type === "VariableDeclarator") {
    return node.id.type === "ObjectPattern" && isProcess(node.init) && keys(node.id.properties).includes("env");
  }
  if (node.type === "ImportDeclaration" && node.source.value === "node:process") {
    return node.specifiers.some(({ imported }) => imported?.name === "env");
  }
  return false;
}

function doesIo(node) {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return false;
  const isWarning = memberName(node.callee) === "emitWarning";
  return IO_GLOBALS.has(lastName(node.callee)) || (isProcess(node.callee.object) && !isWarning);
}

function exportsGeneratedKeyAsJwk(node) {
  if (node.type !== "CallExpression" || memberName(node.callee) !== "export") return false;
  if (!["publicKey", "privateKey"].includes(lastName(node.callee.object))) return false;
  const [options] = node.arguments;
  return (
    options?.type === "ObjectExpression" &&
    options.properties.some((property) => (property.key?.name ?? property.key?.value) === "format" && property.value?.value === "jwk")
  );
}
