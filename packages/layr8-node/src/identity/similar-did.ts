import { nearest } from "@parley/core/internal";

/** Maximum number of candidates compared. */
const MAX_CANDIDATES = 5000;

/** The candidate most similar to a mistyped DID: it differs in a single segment, and there by a few letters; `undefined` without one. */
export function similarDid(did: string, candidates: Iterable<string>): string | undefined {
  const segments = did.split(":");
  /** For each position: candidates by the segment that differs. */
  const places = segments.map(() => new Map<string, string>());
  let count = 0;
  for (const candidate of candidates) {
    if (++count > MAX_CANDIDATES) break;
    const others = candidate.split(":");
    if (others.length !== segments.length) continue;
    const [place, ...more] = others.flatMap((segment, index) => (segment === segments[index] ? [] : [index]));
    if (place !== undefined && more.length === 0) places[place]?.set(others[place] ?? "", candidate);
  }
  for (const [place, bySegment] of places.entries()) {
    const meant = nearest(segments[place] ?? "", bySegment.keys());
    if (meant !== undefined) return bySegment.get(meant);
  }
  return undefined;
}

/** The host that a did:web DID names, without its port; `undefined` for other DIDs. */
export function hostnameOf(did: string): string | undefined {
  const [scheme, method, host] = did.split(":", 3);
  if (scheme !== "did" || method !== "web" || host === undefined) return undefined;
  return host.replace(/%3a.*$/i, "").toLowerCase();
}
