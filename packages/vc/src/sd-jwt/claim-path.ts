import type { JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";

/**
 * Names a claim: members of objects by name, elements of lists by index, all elements of a list by `null`.
 *
 * @see {@link https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#name-claims-path-pointer | OpenID4VP, section 7}
 */
export type ClaimPath = readonly (string | number | null)[];

/** Claims selected by paths, as a tree. */
export interface ClaimTree {
  /** The path that ends here. */
  path?: ClaimPath;
  readonly children: Map<string | number | null, ClaimTree>;
}

/**
 * Arranges paths as a tree.
 *
 * @throws TypeError if a path is invalid.
 */
export function claimTreeOf(paths: readonly ClaimPath[], option: string): ClaimTree {
  const root: ClaimTree = { children: new Map() };
  for (const path of paths) {
    if (!isJsonArray(path) || path.length === 0 || !path.every(isSegment)) {
      throw new TypeError(`${option} must be a list of paths, such as [["address", "country"], ["nationalities", 0]]`);
    }
    let node = root;
    for (const segment of path) {
      const child = node.children.get(segment) ?? { children: new Map<string | number | null, ClaimTree>() };
      node.children.set(segment, child);
      node = child;
    }
    node.path = path;
  }
  return root;
}

/** What the paths select in an element of a list, by its index or by `null`. */
export function elementTree({ children }: ClaimTree, index: number): ClaimTree | undefined {
  const [one, all] = [children.get(index), children.get(null)];
  return one === undefined || all === undefined ? (one ?? all) : merged(one, all);
}

function merged(one: ClaimTree, other: ClaimTree): ClaimTree {
  const children = new Map(one.children);
  for (const [segment, child] of other.children) {
    const own = children.get(segment);
    children.set(segment, own === undefined ? child : merged(own, child));
  }
  const path = one.path ?? other.path;
  return path === undefined ? { children } : { path, children };
}

/** The paths of a tree that select nothing in a value. */
export function missingPaths(tree: ClaimTree, value: JsonValue | undefined): readonly ClaimPath[] {
  const own = tree.path !== undefined && value === undefined ? [tree.path] : [];
  return [...own, ...[...tree.children].flatMap(([segment, child]) => missingPaths(child, sampleOf(value, segment, child)))];
}

/** Whether paths match: `null` matches every index. */
export function matchesPath(pattern: ClaimPath, path: readonly (string | number)[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, i) => segment === path[i] || (segment === null && typeof path[i] === "number"))
  );
}

/** What a segment selects; for `null`, an element that the rest of the path selects something in. */
function sampleOf(value: JsonValue | undefined, segment: string | number | null, child: ClaimTree): JsonValue | undefined {
  if (isJsonArray(value)) {
    if (segment === null) return value.find((element) => missingPaths(child, element).length === 0) ?? value[0];
    return typeof segment === "number" ? value[segment] : undefined;
  }
  if (typeof value !== "object" || value === null || typeof segment !== "string" || !Object.hasOwn(value, segment)) return undefined;
  return value[segment];
}

function isSegment(segment: unknown): boolean {
  return segment === null || typeof segment === "string" || (typeof segment === "number" && Number.isInteger(segment) && segment >= 0);
}
