// The rules of the package boundaries that package.json files can break.
import { cycles } from "./cycles.mjs";

/** Violations in package.json files: unknown packages, forbidden dependencies, cycles, paths that must not exist. */
export function checkManifests(members, { rules, never }) {
  const labelOf = new Map(members.map((member) => [member.manifest.name, label(member)]));
  const problems = [];
  for (const member of members) {
    const { group, folder, manifest } = member;
    const where = group === "bench" ? "bench/package.json" : `${group}/${folder}/package.json`;
    if (group === "packages") problems.push(...checkPackage(member, where, { rules, labelOf }));
    else if (manifest.private !== true) problems.push(`${where}: set "private": true; only packages/* are published.`);
  }
  const graph = new Map(members.map((member) => [label(member), edges(member, labelOf)]));
  for (const cycle of cycles(graph)) {
    problems.push(
      `Dependency cycle: ${cycle.join(" → ")}. Move what both sides need down (to core), or the test that closes the cycle up: into the package above, an app, or testing/*.`,
    );
  }
  for (const { from, to } of never) {
    const path = findPath(runtimeGraph(members, labelOf), from, to);
    if (path !== undefined) problems.push(`${from} must never reach ${to}, but it does: ${path.join(" → ")}. Remove that dependency.`);
  }
  return problems;
}

/** How a member is named in the table and in messages: a package by its folder, others with their group, as `apps/chat`. */
export function label({ group, folder }) {
  return group === "packages" ? folder : `${group}/${folder}`;
}

function checkPackage({ folder, manifest }, where, { rules, labelOf }) {
  const rule = rules[folder];
  if (rule === undefined) {
    return [`${where}: this package is not in the table. Add "${folder}" with what it may import to RULES in scripts/boundaries.mjs.`];
  }
  const problems = [];
  const name = rule.meta ? folder : `@parley/${folder}`;
  if (manifest.name !== name) problems.push(`${where}: "name" must be "${name}", not "${manifest.name}".`);
  for (const dependency of runtimeDependencies(manifest)) {
    const target = labelOf.get(dependency);
    const allowed = target === undefined ? rule.libraries.includes(dependency) : rule.packages.includes(target);
    if (!allowed) {
      problems.push(`${where}: "${dependency}" is not allowed. ${permitted(folder, rule)}`);
    }
  }
  return problems;
}

/** What is open to a package, and what to do when that is not enough. */
export function permitted(folder, rule) {
  const open = [...rule.packages, ...rule.libraries];
  const list = open.length === 0 ? "nothing outside itself" : `only ${open.join(", ")}`;
  return `${folder} may import ${list}; if the design changed, change RULES in scripts/boundaries.mjs.`;
}

/** What a user of the package gets installed, or is asked to install. The types of Node run nowhere: programs in TypeScript need them. */
export function runtimeDependencies(manifest) {
  return ["dependencies", "optionalDependencies", "peerDependencies"]
    .flatMap((kind) => Object.keys(manifest[kind] ?? {}))
    .filter((dependency) => dependency !== "@types/node");
}

function edges({ manifest }, labelOf, names = [...runtimeDependencies(manifest), ...Object.keys(manifest.devDependencies ?? {})]) {
  return [...new Set(names.flatMap((name) => labelOf.get(name) ?? []))];
}

function runtimeGraph(members, labelOf) {
  return new Map(members.map((member) => [label(member), edges(member, labelOf, runtimeDependencies(member.manifest))]));
}

function findPath(graph, from, to, path = [from]) {
  if (from === to) return path;
  for (const next of graph.get(from) ?? []) {
    if (path.includes(next)) continue;
    const found = findPath(graph, next, to, [...path, next]);
    if (found !== undefined) return found;
  }
  return undefined;
}
