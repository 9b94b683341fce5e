import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { createAddressGuard, type AddressGuardOptions } from "../../src/node/index.ts";
import { expectDidError } from "../expect-error.ts";

/** A DNS in which every name has these addresses. */
function dns(...addresses: string[]): LookupFunction {
  const found: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  return (_hostname, _options, callback) => process.nextTick(() => callback(null, found));
}

function ask(hostname: string, options: AddressGuardOptions, all = true): Promise<{ error: unknown; found: unknown }> {
  const { lookup } = createAddressGuard(options);
  return new Promise((resolve) => lookup(hostname, { all }, (error, found) => resolve({ error, found })));
}

describe("createAddressGuard", () => {
  it("returns public addresses", async () => {
    const lookup = dns("8.8.8.8", "2606:4700::1");
    expect(await ask("a.example", { lookup })).toEqual({
      error: null,
      found: [
        { address: "8.8.8.8", family: 4 },
        { address: "2606:4700::1", family: 6 },
      ],
    });
    expect(await ask("a.example", { lookup }, false)).toEqual({ error: null, found: "8.8.8.8" });
  });

  it.each([["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], ["8.8.8.8", "192.168.0.1"], ["fe80::1"], ["nonsense"]])(
    "rejects a name with %s",
    async (...addresses) => {
      for (const all of [true, false]) {
        const { error, found } = await ask("a.example", { lookup: dns(...addresses) }, all);
        expectDidError(error, "refused_address");
        expect(found).toEqual([]);
        expect((error as Error).message).not.toContain(addresses.at(-1));
      }
    },
  );

  it("allows the given kinds and no others", async () => {
    const lookup = dns("10.0.0.1");
    expect((await ask("a.example", { lookup, allow: ["private"] })).error).toBeNull();
    expectDidError((await ask("a.example", { lookup, allow: ["loopback"] })).error, "refused_address");
  });

  it("passes on the DNS error for an unknown name", async () => {
    const failure = Object.assign(new Error("ENOTFOUND"), { code: "ENOTFOUND" });
    expect((await ask("a.example", { lookup: (_hostname, _options, callback) => callback(failure, []) })).error).toBe(failure);
    expectDidError((await ask("a.example", { lookup: dns() }, false)).error, "fetch_failed");
  });

  it("reports that a name unknown to the system's resolver does not exist", async () => {
    for (const all of [true, false]) {
      const { error, found } = await ask("nobody.invalid", {}, all);
      expect(error).toMatchObject({ syscall: "getaddrinfo" });
      expect(found).toEqual([]);
    }
  });

  it.each(["localhost", "alice-test.localhost", "LOCALHOST", "localhost."])("resolves %s to loopback without DNS", async (hostname) => {
    const lookup = dns("8.8.8.8");
    expectDidError((await ask(hostname, { lookup })).error, "refused_address");
    expect((await ask(hostname, { lookup, allow: ["loopback"] }, false)).found).toBe("127.0.0.1");
  });

  it("checks hosts that are IP addresses", () => {
    const { checkHost } = createAddressGuard({ allow: ["private"] });
    for (const host of ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "169.254.169.254"]) {
      expectDidError(
        thrownBy(() => checkHost(host)),
        "refused_address",
      );
    }
    for (const host of ["8.8.8.8", "10.0.0.1", "[2606:4700::1]", "example.com", "localhost"]) expect(() => checkHost(host)).not.toThrow();
  });
});
