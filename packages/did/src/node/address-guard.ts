import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { DidError } from "../did-error.ts";
import { classifyAddress, type AddressKind } from "./classify-address.ts";

/** Options of {@link createAddressGuard}. */
export interface AddressGuardOptions {
  /** Kinds of addresses to allow in addition to public ones. Default: none. */
  readonly allow?: readonly AddressKind[];
  /** Resolves host names. Default: the resolver of the system. */
  readonly lookup?: LookupFunction;
}

/** Prevents requests to addresses that only this server can reach (server-side request forgery). */
export interface AddressGuard {
  /**
   * A `lookup` function for `node:net`, `node:http` or undici. It returns exactly the addresses that it checked, which prevents DNS
   * rebinding. A name with any disallowed address is rejected. `localhost` and names below it are loopback, without a DNS lookup.
   *
   * It fails with a DidError `refused_address`.
   */
  readonly lookup: LookupFunction;
  /**
   * Checks a host that is an IP address, for which Node does not call `lookup`. Call it before each connection, with the `hostname` of the
   * URL. Names are accepted.
   *
   * @throws DidError `refused_address`
   */
  checkHost(hostname: string): void;
}

const LOOPBACK: readonly LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/**
 * Creates a guard that allows public addresses and the given kinds.
 *
 * @example
 * ```ts
 * import { request } from "node:https";
 * import { createAddressGuard } from "@parley/did/node";
 *
 * const guard = createAddressGuard();
 * const url = new URL("https://partner.example/didcomm");
 * guard.checkHost(url.hostname);
 * request(url, { method: "POST", lookup: guard.lookup, agent: false }).end("…");
 * ```
 */
export function createAddressGuard({ allow = [], lookup = systemLookup }: AddressGuardOptions = {}): AddressGuard {
  const allowed: ReadonlySet<AddressKind> = new Set<AddressKind>(["public", ...allow]);
  const isAllowed = (address: string): boolean => allowed.has(classifyAddress(address));

  return {
    checkHost: (hostname) => {
      const bare = hostname.replace(/^\[|\]$/g, "");
      if (isIP(bare) !== 0 && !isAllowed(bare)) throw addressError(hostname);
    },
    lookup: (hostname, options, callback) => {
      const answer = (error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]): void => {
        const [first] = found;
        if (error instanceof Error) callback(error, []);
        else if (!found.every(({ address }) => isAllowed(address))) callback(addressError(hostname), []);
        else if (options.all === true) callback(null, [...found]);
        else if (first === undefined) callback(new DidError("fetch_failed", `${hostname} has no address`), []);
        else callback(null, first.address, first.family);
      };
      if (/(?:^|\.)localhost\.?$/i.test(hostname)) {
        const { family } = options;
        const wanted = family === 4 || family === 6 ? LOOPBACK.filter((entry) => entry.family === family) : LOOPBACK;
        process.nextTick(answer, null, wanted);
        return;
      }
      // After an error, Node's own lookup passes no addresses, contrary to its types.
      lookup(hostname, { ...options, all: true }, (error, found: string | readonly LookupAddress[] | undefined, family) => {
        answer(error, typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : (found ?? []));
      });
    },
  };
}

function addressError(hostname: string): DidError {
  const message = `The address of ${hostname} is not allowed: allow its kind (resolution.allow), or configure its origin (resolution.hosts)`;
  return new DidError("refused_address", message);
}
