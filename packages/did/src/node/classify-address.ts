import { isIPv4, isIPv6 } from "node:net";

/**
 * The purpose of an IP address. `shared`: carrier-grade NAT (RFC 6598). `reserved`: documentation, benchmarks, protocol assignments, cloud
 * host services, unassigned addresses, and text that is not an IP address.
 */
export type AddressKind = "public" | "loopback" | "private" | "link-local" | "shared" | "multicast" | "unspecified" | "reserved";

type Range = readonly [network: string, prefix: number, kind: AddressKind];

/** IANA IPv4 Special-Purpose Address Registry and related ranges. */
const IPV4: readonly Range[] = [
  ["0.0.0.0", 8, "unspecified"],
  ["10.0.0.0", 8, "private"],
  ["100.64.0.0", 10, "shared"],
  ["127.0.0.0", 8, "loopback"],
  ["168.63.129.16", 32, "reserved"], // the host of Azure virtual machines
  ["169.254.0.0", 16, "link-local"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "reserved"],
  ["192.0.2.0", 24, "reserved"],
  ["192.31.196.0", 24, "reserved"],
  ["192.52.193.0", 24, "reserved"],
  ["192.88.99.0", 24, "reserved"],
  ["192.168.0.0", 16, "private"],
  ["192.175.48.0", 24, "reserved"],
  ["198.18.0.0", 15, "reserved"],
  ["198.51.100.0", 24, "reserved"],
  ["203.0.113.0", 24, "reserved"],
  ["224.0.0.0", 4, "multicast"],
  ["240.0.0.0", 4, "reserved"],
];

/** IANA IPv6 Special-Purpose Address Registry. Addresses outside these ranges are reserved. */
const IPV6: readonly Range[] = [
  ["::", 128, "unspecified"],
  ["::1", 128, "loopback"],
  ["2001::", 23, "reserved"], // includes Teredo
  ["2001:db8::", 32, "reserved"],
  ["2620:4f:8000::", 48, "reserved"],
  ["3fff::", 20, "reserved"],
  ["fc00::", 7, "private"],
  ["fe80::", 10, "link-local"],
  ["fec0::", 10, "private"],
  ["ff00::", 8, "multicast"],
  ["2000::", 3, "public"],
];

/** Prefixes with an embedded IPv4 address, and its offset from the right. Gateways or this host route to that address. */
const EMBEDDINGS: readonly (readonly [network: string, prefix: number, shift: bigint])[] = [
  ["::ffff:0:0", 96, 0n], // mapped, RFC 4291
  ["::ffff:0:0:0", 96, 0n], // translated, RFC 2765
  ["64:ff9b::", 96, 0n], // NAT64, RFC 6052
  ["2002::", 16, 80n], // 6to4, RFC 3056
];

const V4: readonly (readonly [bigint, bigint, AddressKind])[] = IPV4.map(([network, prefix, kind]) => [
  parseIPv4(network) >> BigInt(32 - prefix),
  BigInt(32 - prefix),
  kind,
]);
const V6: readonly (readonly [bigint, bigint, AddressKind])[] = IPV6.map(([network, prefix, kind]) => [
  parseIPv6(network) >> BigInt(128 - prefix),
  BigInt(128 - prefix),
  kind,
]);
const EMBEDDED: readonly (readonly [bigint, bigint, bigint])[] = EMBEDDINGS.map(([network, prefix, shift]) => [
  parseIPv6(network) >> BigInt(128 - prefix),
  BigInt(128 - prefix),
  shift,
]);

/** Classifies an IP address. An IPv6 address with an embedded IPv4 address (mapped, NAT64, 6to4) has the kind of that address. */
export function classifyAddress(address: string): AddressKind {
  if (isIPv4(address)) return classifyIPv4(parseIPv4(address));
  if (!isIPv6(address)) return "reserved";
  const value = parseIPv6(address);
  for (const [network, bits, shift] of EMBEDDED) {
    if (value >> bits === network) return classifyIPv4((value >> shift) & 0xffff_ffffn);
  }
  return V6.find(([network, bits]) => value >> bits === network)?.[2] ?? "reserved";
}

function classifyIPv4(value: bigint): AddressKind {
  return V4.find(([network, bits]) => value >> bits === network)?.[2] ?? "public";
}

function parseIPv4(address: string): bigint {
  return address.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** The address must be valid according to `isIPv6`. */
function parseIPv6(address: string): bigint {
  const [bare = ""] = address.split("%", 1); // without its zone
  const dotted = /[\d.]+$/.exec(bare)?.[0] ?? "";
  const hex = dotted.includes(".") ? bare.slice(0, -dotted.length) + hexOf(parseIPv4(dotted)) : bare;
  const [head = [], tail = []] = hex.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function hexOf(ipv4: bigint): string {
  return `${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`;
}
