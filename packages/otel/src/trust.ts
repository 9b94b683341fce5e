/** Whether a sender or channel matches one of the patterns: exactly, or by the part before a `*` at the end. */
export function isTrusted(source: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? source.startsWith(pattern.slice(0, -1)) : source === pattern));
}
