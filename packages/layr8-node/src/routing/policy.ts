/** Who may send to an agent. */
export interface Policy {
  /** The agents it applies to: a DID, or a prefix with a trailing `*`. */
  readonly did: string;
  /** Senders that may send: DIDs, or prefixes with a trailing `*`. Default: all. */
  readonly allow?: readonly string[];
  /** Senders that may not, whatever `allow` says. */
  readonly deny?: readonly string[];
}

/** Problem code of a denial by policy. */
export const DENIED = "e.m.authz.denied";

/** Decides who may send to whom. Every policy that applies to a recipient must let the sender through. */
export class Policies {
  readonly #policies: readonly Policy[];

  /** @throws TypeError when a policy names nobody it applies to. */
  constructor(policies: readonly Policy[] = []) {
    for (const policy of policies) {
      if (typeof policy.did !== "string" || policy.did === "")
        throw new TypeError("A policy needs a did: the DID or the prefix it applies to");
    }
    this.#policies = policies;
  }

  allows(sender: string, recipient: string): boolean {
    return this.#policies.every((policy) => {
      if (!matches(policy.did, recipient)) return true;
      if (policy.deny?.some((pattern) => matches(pattern, sender)) === true) return false;
      return policy.allow?.some((pattern) => matches(pattern, sender)) ?? true;
    });
  }
}

function matches(pattern: string, did: string): boolean {
  return pattern.endsWith("*") ? did.startsWith(pattern.slice(0, -1)) : pattern === did;
}
