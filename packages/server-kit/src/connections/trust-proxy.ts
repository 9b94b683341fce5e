import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import type { OptionCheck } from "@parley/core/internal";

/**
 * The trusted proxies in front of a server, which append the address of their client to `X-Forwarded-For`: the number of proxies in a chain
 * (`true` means 1), or their addresses and networks (`["10.0.0.0/8", "::1"]`). `false`: none.
 */
export type TrustProxy = boolean | number | readonly string[];

/** Whether an address in the chain of a request is a trusted proxy's. `hop` counts from the server, starting at 0. */
export type ProxyTrust = (address: string, hop: number) => boolean;

const MAX_HOPS = 16;

export const IS_TRUST_PROXY: OptionCheck = {
  expected: `a number of proxies from 0 to ${MAX_HOPS}, or a list of their addresses and networks, such as 1 or ["10.0.0.0/8"]`,
  is: (value) => value === true || value === false || isHops(value) || (Array.isArray(value) && value.every(isNetwork)),
};

/** Reads the value of `--trust-proxy`: a number of proxies, or their addresses and networks separated by commas. @throws TypeError */
export function readTrustProxyOption(flag: string, text: string): TrustProxy {
  const value = /^\d+$/.test(text) ? Number(text) : text.split(",").map((entry) => entry.trim());
  if (IS_TRUST_PROXY.is(value)) return value;
  throw new TypeError(`${flag} must be ${IS_TRUST_PROXY.expected.replace(/ or \[.*$/, " or 10.0.0.0/8,::1")}, not ${JSON.stringify(text)}`);
}

/** Inserts the default value 1 after a `--trust-proxy` without a value. */
export function withOneProxy(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const next = args[index + 1];
    return arg === "--trust-proxy" && (next === undefined || next.startsWith("-")) ? [arg, "1"] : [arg];
  });
}

/** Compiles the option into a predicate. Without the option no proxy is trusted. */
export function proxyTrust(option: TrustProxy = false): ProxyTrust {
  if (typeof option === "boolean" || typeof option === "number") return (_address, hop) => hop < Number(option);
  const trusted = new BlockList();
  for (const entry of option) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/**
 * The address of the client that sent a request, as the outermost trusted proxy saw it. Entries of `X-Forwarded-For` that were not appended
 * by a trusted proxy, and entries that are not IP addresses, are ignored: the client may have written them.
 */
export function clientAddress({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">, trusts: ProxyTrust): string {
  const header = headers["x-forwarded-for"] ?? "";
  return forwardedAddress(socket.remoteAddress ?? "", Array.isArray(header) ? header.join(",") : header, trusts);
}

/** {@link clientAddress} of a call whose connection has the address `peer` and whose headers have this `X-Forwarded-For`. */
export function forwardedAddress(peer: string, forwardedFor: string, trusts: ProxyTrust): string {
  let address = peer;
  if (!trusts(address, 0)) return address;
  const entries = forwardedFor.split(",");
  for (let hop = 0; trusts(address, hop); hop += 1) {
    const seen = withoutPort(entries.pop()?.trim() ?? "");
    if (isIP(seen) === 0) break;
    address = seen;
  }
  return address;
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? entry;
}

function isHops(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_HOPS;
}

function isNetwork(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [address = "", prefix, ...more] = value.split("/");
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  if (bits === undefined || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}
