/** Limits of a pattern: characters, and literal pieces between wildcards. */
const MAX_LENGTH = 256;
const MAX_PIECES = 8;

/** A compiled `match` of a discover-features query. */
export type FeaturePattern = (feature: string) => boolean;

/**
 * Compiles the `match` of a discover-features query, in which `*` matches any characters. A peer's pattern never becomes a regular
 * expression: literal pieces are searched one after the other. Returns `undefined`, which matches nothing, for a pattern of more than 256
 * characters or 8 literal pieces.
 *
 * @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0, queries}
 */
export function compileFeaturePattern(match: string): FeaturePattern | undefined {
  if (match.length > MAX_LENGTH) return undefined;
  const [first = "", ...rest] = match.replaceAll(/\*+/g, "*").split("*");
  if (rest.length === 0) return (feature) => feature === first;
  if (rest.length >= MAX_PIECES) return undefined;
  const last = rest.pop() ?? "";
  return (feature) => {
    if (!feature.startsWith(first)) return false;
    let position = first.length;
    for (const piece of rest) {
      const at = feature.indexOf(piece, position);
      if (at < 0) return false;
      position = at + piece.length;
    }
    return feature.length - last.length >= position && feature.endsWith(last);
  };
}
