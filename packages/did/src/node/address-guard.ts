import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { DidError } from "../did-error.ts";
import { classifyAddress, type AddressKind } from "./address.ts";

/** Options of {@link createAddressGuard}. */
export interface AddressGuardOptions {
  /** Kinds of addresses that may be asked besides public ones. Default: none. */
  readonly allow?: readonly AddressKind[];
  /** Asks DNS. Default that of the system. */
  readonly lookup?: LookupFunction;
}

/** Keeps a server from being sent to addresses that only it can reach (server-side request forgery). */
export interface AddressGuard {
  /**
   * A `lookup` for `node:net`, `node:http` or undici. It hands on exactly the addresses that it has checked, so a name can't change its
   * mind in between. A name with one refused address is refused altogether. `localhost` and names below it are loopback, whatever DNS says.
   *
   * Its errors are DidErrors, `refused_address`.
   */
  readonly lookup: LookupFunction;
  /**
   * Checks a host that is an IP address itself, for which nobody calls `lookup`. Call it before each connection, with a URL's `hostname`.
   *
   * @throws DidError `refused_address`
   */
  checkHost(hostname: string): void;
}

const LOOPBACK: readonly LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/** Creates a guard that lets through public addresses and the kinds that are allowed. */
export function createAddressGuard({ allow = [], lookup = systemLookup }: AddressGuardOptions = {}): AddressGuard {
  const allowed: ReadonlySet<AddressKind> = new Set<AddressKind>(["public", ...allow]);
  const refusal = (hostname: string, addresses: readonly string[]): DidError | undefined =>
    addresses.every((address) => allowed.has(classifyAddress(address)))
      ? undefined
      : new DidError(
          "refused_address",
          `${hostname} has an address that must not be asked: allow it (resolution.allow), or say where it is (resolution.hosts)`,
        );

  return {
    checkHost: (hostname) => {
      const bare = hostname.replace(/^\[|\]$/g, "");
      const error = isIP(bare) === 0 ? undefined : refusal(hostname, [bare]);
      if (error !== undefined) throw error;
    },
    lookup: (hostname, options, callback) => {
      const answer = (error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]): void => {
        const [first] = found;
        const addresses = found.map(({ address }) => address);
        const problem = error ?? refusal(hostname, addresses);
        if (problem !== undefined) callback(problem, []);
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
      // Where there is an error, Node's own lookup gives no addresses, whatever its types say.
      lookup(hostname, { ...options, all: true }, (error, found: string | readonly LookupAddress[] | undefined, family) => {
        answer(error, typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : (found ?? []));
      });
    },
  };
}
