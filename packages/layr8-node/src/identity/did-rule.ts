import { isDid } from "@parley/did";
import type { DidRule } from "../options.ts";

const PREFIX = /^did:[a-z0-9]+:(?:[\w.%-]+:)*\*$/;
const MAX_ENTRIES = 1000;

/**
 * Checks a rule before it is kept. A prefix ends with `:*`: `did:web:acme.example*` would cover `did:web:acme.example.evil.com` too.
 *
 * @throws TypeError naming the entry.
 */
export function assertDidRule(rule: DidRule): void {
  if (rule === "any") return;
  if (!Array.isArray(rule)) throw new TypeError('dids must be "any" or a list of DIDs and prefixes');
  if (rule.length > MAX_ENTRIES) throw new TypeError(`dids may have ${MAX_ENTRIES} entries`);
  for (const entry of rule) {
    if (typeof entry !== "string" || !(isDid(entry) || PREFIX.test(entry))) {
      throw new TypeError(`dids: ${JSON.stringify(entry)} is neither a DID nor a prefix that ends with ":*"`);
    }
  }
}

/** Whether a rule covers a DID. DIDs are compared character by character. */
export function ruleCovers(rule: DidRule, did: string): boolean {
  if (!isDid(did)) return false;
  return rule === "any" || rule.some((entry) => (entry.endsWith("*") ? did.startsWith(entry.slice(0, -1)) : did === entry));
}
