import { createDidResolver, didKeyMethod, didWebMethod, type DidFetch, type DidResolver } from "@parley/did";
import { createNodeFetch, type AddressKind } from "@parley/did/node";
import { createStatusListFetch, type StatusListFetch } from "@parley/vc";

/** How issuers' and holders' hosts are reached, for the documents of their DIDs and for status lists. */
export interface ResolutionOptions {
  /** Kinds of addresses that may be asked besides public ones, such as `"loopback"` or `"private"`. Default: none. */
  readonly allow?: readonly AddressKind[];
  /** Ask `localhost` and names below it over plain http; their addresses must be allowed besides. Default `false`. */
  readonly httpForLoopback?: boolean;
  /**
   * Where hosts are, instead of asking DNS: `{ "alice-test.localhost": "http://127.0.0.1:4000" }`. Keys are hosts, with the port if the DID
   * has one; values are http or https origins, which may have any address. Default: none.
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

/** Gets status lists, from the hosts that documents may come from. */
export function createStatusFetch(options: ResolutionOptions = {}): StatusListFetch {
  const { httpForLoopback = false, hosts = {} } = options;
  return createStatusListFetch({ fetch: createFetch(options), httpForLoopback, hosts });
}

function createFetch({ allow = [], ca }: ResolutionOptions): DidFetch {
  return createNodeFetch({ allow, ...(ca === undefined ? {} : { ca }) });
}
