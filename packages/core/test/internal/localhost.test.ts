import { describe, expect, it } from "vitest";
import { isLocalhostName, lookupLoopback } from "../../src/internal/index.ts";

function lookup(options: { all?: boolean; family?: number | "IPv4" | "IPv6" }): Promise<readonly unknown[]> {
  return new Promise((resolve) => {
    lookupLoopback("relay.localhost", options, (...answer) => resolve(answer.slice(1)));
  });
}

describe("names of this machine", () => {
  it.each(["localhost", "LOCALHOST", "localhost.", "relay.localhost", "a.b.localhost."])("%s is one", (name) => {
    expect(isLocalhostName(name)).toBe(true);
  });

  it.each(["", "localhost.example", "notlocalhost", "127.0.0.1", "example.com"])("%j is none", (name) => {
    expect(isLocalhostName(name)).toBe(false);
  });

  it("have the loopback addresses", async () => {
    const [v4, v6] = [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ];
    expect(await lookup({ all: true })).toEqual([[v4, v6]]);
    expect(await lookup({ all: true, family: 6 })).toEqual([[v6]]);
    expect(await lookup({})).toEqual(["127.0.0.1", 4]);
    expect(await lookup({ family: "IPv6" })).toEqual(["::1", 6]);
  });
});
