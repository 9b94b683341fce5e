/** An address, as `dns.lookup` gives it. */
interface Address {
  readonly address: string;
  readonly family: number;
}

interface LookupOptions {
  readonly all?: boolean | undefined;
  readonly family?: number | "IPv4" | "IPv6" | undefined;
}

type LookupCallback = (error: null, address: string | Address[], family?: number) => void;

const LOOPBACK: readonly Address[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/** Whether a host is `localhost` or a name below it: names of this machine, which must not be looked up in DNS (RFC 6761 §6.3). */
export function isLocalhostName(hostname: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(hostname);
}

/** A `lookup` for sockets that answers every name with the loopback addresses. For hosts of {@link isLocalhostName}. */
export function lookupLoopback(_hostname: string, options: LookupOptions, callback: LookupCallback): void {
  const wanted = LOOPBACK.filter(({ family }) => !options.family || options.family === family || options.family === `IPv${family}`);
  const [first = { address: "127.0.0.1", family: 4 }, ...rest] = wanted;
  queueMicrotask(() => {
    if (options.all === true) callback(null, [first, ...rest]);
    else callback(null, first.address, first.family);
  });
}
