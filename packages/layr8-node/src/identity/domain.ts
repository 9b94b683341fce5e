import { canonicalDid } from "@parley/did";

/** A domain in the canonical spelling of the DIDs below it. */
export function canonicalDomain(domain: string): string {
  return canonicalDid(`did:web:${domain}`)?.slice("did:web:".length) ?? domain;
}

/** The host in the domain of did:web DIDs: `localhost%3A4000` is `localhost:4000`. */
export function hostOfDomain(domain: string): string {
  return (domain.split(":", 1)[0] ?? "").replace(/%3a/i, ":");
}

/** Origin of a domain's documents by did:web: https, except for localhost. */
export function originOfDomain(domain: string): string {
  const host = hostOfDomain(domain);
  return `${/(?:^|\.)localhost(?::|$)/i.test(host) ? "http" : "https"}://${host}`;
}

/** The host of a URL, with its port if not the default one; empty for an invalid URL. */
export function hostsOfUrl(url: string): readonly string[] {
  return URL.canParse(url) ? [new URL(url).host] : [];
}
