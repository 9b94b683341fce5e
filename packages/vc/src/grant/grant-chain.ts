import { decodeCredential } from "../decode.ts";
import { VcError } from "../vc-error.ts";
import type { Grant } from "./grant.ts";
import { matchGrant, type GrantMatch, type GrantRequest } from "./match-grant.ts";
import { readGrant } from "./read-grant.ts";

/** Most grants of a chain. */
const MAX_LINKS = 4;

/** One grant of a chain, as its issuer has signed it. */
export interface GrantLink {
  readonly signed: string;
  readonly grant: Grant;
}

/**
 * Decodes a grant and those that it was derived from, **without verifying them**: the grant itself first, and last the one that was not derived from another. A
 * holder may derive grants for DIDs directly below its own: `did:web:a.example` for `did:web:a.example:helper`. The derived grant contains the one that it
 * was derived from.
 *
 * Verify each link with {@link verifyCredential}; whether to trust the issuer of the last one is the caller's decision.
 *
 * @throws VcError `grant_invalid` if a link does not follow from the next one; `too_large` beyond 4 links; the codes of {@link decodeCredential}.
 */
export function readGrantChain(signed: string): readonly GrantLink[] {
  const links: GrantLink[] = [];
  for (let next: string | undefined = signed; next !== undefined;) {
    if (links.length >= MAX_LINKS) throw new VcError("too_large", `A grant may be derived ${MAX_LINKS - 1} times`);
    const grant = readGrant(decodeCredential(next).credential);
    const derived = links.at(-1)?.grant;
    if (derived !== undefined) checkDerived(derived, grant);
    links.push({ signed: next, grant });
    next = grant.delegation?.parentCredential;
  }
  return links;
}

/**
 * Decides whether a chain permits a message: each of its grants must, to its own holder. So a chain never permits more than any of them.
 *
 * @param chain grants as {@link readGrantChain} returns them.
 */
export function matchGrantChain(chain: readonly Grant[], request: GrantRequest): GrantMatch {
  const [own, ...origins] = chain;
  if (own === undefined) throw new TypeError("A chain needs a grant");
  const match = matchGrant(own, request);
  if (!match.permitted) return match;
  for (const origin of origins) {
    const other = matchGrant(origin, { ...request, sender: origin.holder });
    if (!other.permitted) return { ...other, detail: `a grant that it was derived from does not permit this: ${other.detail}` };
  }
  return match;
}

function checkDerived({ issuer, holder, delegation }: Grant, origin: Grant): void {
  if (origin.id === undefined || origin.id !== delegation?.parentCapability) fail("parentCapability is not the id of the parentCredential");
  if (issuer !== origin.holder) fail(`the issuer ${issuer} is not the holder of the grant that it was derived from, ${origin.holder}`);
  const prefix = `${issuer}:`;
  if (!holder.startsWith(prefix) || holder.length === prefix.length || holder.includes(":", prefix.length)) {
    fail(`${holder} is not directly below ${issuer}`);
  }
}

function fail(problem: string): never {
  throw new VcError("grant_invalid", `The delegation is invalid: ${problem}`);
}
