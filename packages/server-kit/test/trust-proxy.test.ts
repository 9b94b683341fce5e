import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import {
  clientAddress,
  IS_TRUST_PROXY,
  proxyTrust,
  readTrustProxyOption,
  withOneProxy,
  type TrustProxy,
} from "../src/connections/trust-proxy.ts";

function seen(trustProxy: TrustProxy | undefined, forwarded: string | undefined, remoteAddress = "10.0.0.1"): string {
  const socket = { remoteAddress } as IncomingMessage["socket"];
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return clientAddress({ socket, headers }, proxyTrust(trustProxy));
}

describe("the client's address", () => {
  it.each<[string, TrustProxy | undefined, string | undefined, string]>([
    ["no proxy is trusted", undefined, "192.0.2.1", "10.0.0.1"],
    ["no proxy is trusted", false, "192.0.2.1", "10.0.0.1"],
    ["no proxy is trusted", 0, "192.0.2.1", "10.0.0.1"],
    ["one proxy", 1, "192.0.2.1", "192.0.2.1"],
    ["one proxy, as true", true, "192.0.2.1", "192.0.2.1"],
    ["one proxy, a forged entry", 1, "198.51.100.7, 192.0.2.1", "192.0.2.1"],
    ["one proxy, as true, a forged entry", true, "198.51.100.7,192.0.2.1", "192.0.2.1"],
    ["two proxies", 2, "198.51.100.7, 192.0.2.1, 10.0.0.2", "192.0.2.1"],
    ["two proxies, one entry", 2, "192.0.2.1", "192.0.2.1"],
    ["no header", 1, undefined, "10.0.0.1"],
    ["an empty entry", 1, "192.0.2.1,", "10.0.0.1"],
    ["an entry that is not an address", 1, "192.0.2.1, unknown", "10.0.0.1"],
    ["an entry with a port", 1, "192.0.2.1:4711", "192.0.2.1"],
    ["an IPv6 entry with a port", 1, "[2001:db8::1]:4711", "2001:db8::1"],
    ["a listed network", ["10.0.0.0/8"], "198.51.100.7, 192.0.2.1, 10.7.7.7", "192.0.2.1"],
    ["a listed address", ["10.0.0.1"], "198.51.100.7, 10.0.0.2", "10.0.0.2"],
    ["another listed address", ["10.0.0.9"], "192.0.2.1", "10.0.0.1"],
    ["a listed IPv6 network", ["10.0.0.1", "2001:db8::/32"], "192.0.2.1, 2001:db8:5::1", "192.0.2.1"],
  ])("%s: %j, %j: %s", (_name, trustProxy, forwarded, address) => {
    expect(seen(trustProxy, forwarded)).toBe(address);
  });

  it("is that of the socket when a list names a mapped IPv4 address", () => {
    expect(seen(["10.0.0.0/8"], "192.0.2.1", "::ffff:10.0.0.1")).toBe("192.0.2.1");
    expect(seen(["10.0.0.0/8"], "192.0.2.1", "::ffff:11.0.0.1")).toBe("::ffff:11.0.0.1");
  });
});

describe("the option", () => {
  it.each([true, false, 0, 1, 16, [], ["10.0.0.0/8", "::1", "2001:db8::/32"]])("accepts %j", (value) => {
    expect(IS_TRUST_PROXY.is(value)).toBe(true);
  });

  it.each([-1, 1.5, 17, "1", null, ["all"], ["10.0.0.0/33"], ["10.0.0.0/8/8"], ["proxy.example"], [1]])("rejects %j", (value) => {
    expect(IS_TRUST_PROXY.is(value)).toBe(false);
  });

  it("is read from a command line", () => {
    expect(readTrustProxyOption("--trust-proxy", "2")).toBe(2);
    expect(readTrustProxyOption("--trust-proxy", "10.0.0.0/8, ::1")).toEqual(["10.0.0.0/8", "::1"]);
    expect(() => readTrustProxyOption("--trust-proxy", "nginx")).toThrow(
      "--trust-proxy must be a number of proxies from 0 to 16, or a list",
    );
    expect(withOneProxy(["--trust-proxy", "--log", "info"])).toEqual(["--trust-proxy", "1", "--log", "info"]);
    expect(withOneProxy(["--trust-proxy"])).toEqual(["--trust-proxy", "1"]);
    expect(withOneProxy(["--trust-proxy", "2"])).toEqual(["--trust-proxy", "2"]);
  });
});
