import { canonicalDid } from "@parley/did";

/** Which DIDs an API key may bind: `"any"`, or a list of DIDs and of prefixes with a trailing `*`. */
export type DidRule = "any" | readonly string[];

/** DIDs of a method, of a host, or below a path: never `did:web:acme.example*`, which would cover `did:web:acme.example.evil.com` too. */
const PREFIX = /^did:[a-z0-9]+:(?:[\w.%-]+:)*\*$/;
const MAX_ENTRIES = 1000;

/**
 * Parses an entry of an API key's rule or a policy: a DID, or a prefix of DIDs that ends with `:*`. Returns it in the canonical spelling,
 * as {@link coversDid} requires.
 *
 * @throws TypeError naming the entry. `where` precedes it.
 */
export function readDidPattern(entry: unknown, where: string): string {
  if (!isDidPattern(entry)) throw new TypeError(`${where}: ${JSON.stringify(entry)} is neither a DID nor a prefix that ends with ":*"`);
  const did = canonicalDid(entry);
  if (did !== undefined) return did;
  const base = canonicalDid(entry.slice(0, -2));
  return base === undefined ? entry : `${base}:*`;
}

/** Whether a value is a DID, or a prefix of DIDs that ends with `:*`. */
export function isDidPattern(value: unknown): value is string {
  return typeof value === "string" && (canonicalDid(value) !== undefined || PREFIX.test(value));
}

/** Reads the rule of an API key. @throws TypeError naming the entry. */
export function readDidRule(rule: DidRule): DidRule {
  if (rule === "any") return "any";
  if (!Array.isArray(rule)) throw new TypeError('dids must be "any" or a list of DIDs and prefixes, such as ["did:web:acme.example:*"]');
  if (rule.length > MAX_ENTRIES) throw new TypeError(`dids may have ${MAX_ENTRIES} entries`);
  return rule.map((entry: unknown) => readDidPattern(entry, "dids"));
}

/** Whether a rule covers a DID. */
export function ruleCovers(rule: DidRule, did: string): boolean {
  if (canonicalDid(did) !== did) return false;
  return rule === "any" || rule.some((pattern) => coversDid(pattern, did));
}

/** Whether a pattern covers a DID in its canonical spelling. `*` covers all. */
export function coversDid(pattern: string, did: string): boolean {
  return pattern.endsWith("*") ? did.startsWith(pattern.slice(0, -1)) : did === pattern;
}
