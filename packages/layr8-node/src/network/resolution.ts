import { createDidResolver, didKeyMethod, didWebMethod, type DidResolver } from "@parley/did";
import { milliseconds, option, options, type OptionSchema, readOptions, trueOrFalse } from "@parley/server-kit";
import { createNodeFetch, type AddressKind } from "@parley/did/node";
import { createStatusListFetch, type StatusListFetch } from "@parley/vc";

/** How a node reaches other hosts: for DID documents that it doesn't host, for status lists, and for messages to other nodes. */
export interface ResolutionOptions {
  /**
   * Kinds of addresses that it may contact in addition to public ones, such as `"loopback"` or `"private"`. Default: none, so that others
   * can't use the node to reach its internal network.
   */
  readonly allow?: readonly AddressKind[];
  /** Use plain http for `localhost` and names below it. For development. Default `false`. */
  readonly httpForLoopback?: boolean;
  /**
   * Addresses of hosts, used instead of DNS: `{ "partner.localhost": "http://127.0.0.1:4001" }`. Keys are hosts, with the port if the DID
   * has one (`localhost:4001`, or `localhost%3A4001` as in the DID). Values are http or https origins, of any address. Default: none.
   */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Time limit for one document or status list, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /**
   * How long documents of other hosts and status lists are cached, in milliseconds: up to this time a removed key is trusted and a
   * revocation not noticed. Verified grants are cached for as long again, except for their status. 0 disables caching. Default 300,000.
   */
  readonly cacheTtlMs?: number;
}

/** Options with their defaults. */
export type Resolution = Required<ResolutionOptions>;

const KINDS: Readonly<Record<Exclude<AddressKind, "public">, true>> = {
  loopback: true,
  private: true,
  "link-local": true,
  shared: true,
  multicast: true,
  unspecified: true,
  reserved: true,
};
const MAX_TIMEOUT_MS = 60_000;
const MAX_TTL_MS = 24 * 60 * 60_000;

/** The schema of {@link ResolutionOptions}. */
export const RESOLUTION: OptionSchema<Resolution> = options<Resolution>({
  allow: option<readonly AddressKind[]>({ expected: `a list of ${Object.keys(KINDS).join(", ")}`, is: isKinds }).default([]),
  httpForLoopback: trueOrFalse().default(false),
  hosts: option<Readonly<Record<string, string>>>({ expected: "an object", is: isObject }).default({}),
  timeoutMs: milliseconds(1, MAX_TIMEOUT_MS, 5000),
  cacheTtlMs: milliseconds(0, MAX_TTL_MS, 5 * 60_000),
});

/**
 * Adds the defaults and checks the given values, which may come from a file.
 *
 * @throws TypeError naming the option.
 */
export function readResolution(given: ResolutionOptions = {}): Resolution {
  const resolution = readOptions(RESOLUTION, given, "resolution.");
  return { ...resolution, hosts: readHosts(resolution.hosts) };
}

/** Creates a resolver for did:web and did:key over the network, limited to allowed addresses. */
export function createNetworkResolver({ allow, httpForLoopback, hosts, timeoutMs, cacheTtlMs }: Resolution): DidResolver {
  return createDidResolver({
    methods: { ...didKeyMethod(), ...didWebMethod({ fetch: createNodeFetch({ allow }), httpForLoopback, hosts, timeoutMs }) },
    timeoutMs: timeoutMs + 1000,
    cache: cacheTtlMs === 0 ? false : { ttlMs: cacheTtlMs },
  });
}

/** Fetches status lists, limited to allowed addresses. */
export function createNetworkStatusFetch({ allow, httpForLoopback, hosts, timeoutMs }: Resolution): StatusListFetch {
  return createStatusListFetch({ fetch: createNodeFetch({ allow }), httpForLoopback, hosts, timeoutMs });
}

function isKinds(allow: unknown): allow is readonly AddressKind[] {
  return Array.isArray(allow) && allow.every((kind) => typeof kind === "string" && (kind === "public" || Object.hasOwn(KINDS, kind)));
}

/** Converts hosts to their form in URLs. */
function readHosts(hosts: object): Record<string, string> {
  const entries = Object.entries(hosts).map(([name, origin]: [string, unknown]): [host: string, origin: string] => {
    const host = readHost(name);
    if (host === undefined)
      throw new TypeError(`resolution.hosts: ${name} is not a host. Expected a host such as partner.example or localhost:4001`);
    if (typeof origin !== "string" || !isOrigin(origin)) {
      throw new TypeError(
        `resolution.hosts: the entry of ${name} must be an http or https origin such as http://127.0.0.1:4001, without a path`,
      );
    }
    return [host, origin];
  });
  return Object.fromEntries(entries);
}

/** Parses a host from a URL or a did:web DID to its form in URLs; `undefined` if it is invalid. */
export function readHost(name: string): string | undefined {
  const host = name.replace(/%3a/i, ":");
  const url = /^[\w.:[\]-]+$/.test(host) && URL.canParse(`https://${host}`) ? new URL(`https://${host}`) : undefined;
  return url?.host;
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
