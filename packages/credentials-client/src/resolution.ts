import { createDidResolver, didKeyMethod, didWebMethod, type DidFetch, type DidResolver } from "@parley/did";
import { createNodeFetch, type AddressKind } from "@parley/did/node";
import { createStatusListFetch, type StatusListFetch } from "@parley/vc";

/** How the hosts of issuers and holders are reached, for DID documents and status lists. */
export interface ResolutionOptions {
  /** Kinds of addresses that are allowed in addition to public ones, such as `"loopback"` or `"private"`. Default: none. */
  readonly allow?: readonly AddressKind[];
  /** Uses plain http for `localhost` and its subdomains; `allow` must also contain `"loopback"`. Default `false`. */
  readonly httpForLoopback?: boolean;
  /**
   * Origins of hosts, used instead of DNS: `{ "alice-test.localhost": "http://127.0.0.1:4000" }`. Keys are hosts, with the port if the DID
   * has one; values are http or https origins with any address. Default: none.
   */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Certificate authorities to trust instead of Node's own, in PEM. */
  readonly ca?: string | readonly string[];
}

/** Resolves did:key, and did:web over the network. */
export function createResolver(options: ResolutionOptions = {}): DidResolver {
  const { httpForLoopback = false, hosts = {} } = options;
  const web = didWebMethod({ fetch: createFetch(options), httpForLoopback, hosts });
  return createDidResolver({ methods: { ...didKeyMethod(), ...web } });
}

/** Fetches status lists, from the same hosts as DID documents. */
export function createStatusFetch(options: ResolutionOptions = {}): StatusListFetch {
  const { httpForLoopback = false, hosts = {} } = options;
  return createStatusListFetch({ fetch: createFetch(options), httpForLoopback, hosts });
}

function createFetch({ allow = [], ca }: ResolutionOptions): DidFetch {
  return createNodeFetch({ allow, ...(ca === undefined ? {} : { ca }) });
}
