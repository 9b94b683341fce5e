import { describe, expect, it } from "vitest";
import { readResolution } from "../../src/network/resolution.ts";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";

describe("resolution options", () => {
  it("have defaults that reach public addresses over https only", () => {
    expect(readResolution()).toEqual({ allow: [], httpForLoopback: false, hosts: {}, timeoutMs: 5000, cacheTtlMs: 300_000 });
  });

  it("are taken as they are given", () => {
    const options = {
      allow: ["loopback", "private"],
      httpForLoopback: true,
      hosts: { "x.example": "https://10.0.0.1" },
      timeoutMs: 1,
      cacheTtlMs: 0,
    } as const;
    expect(readResolution(options)).toEqual(options);
  });

  it.each([
    ["partner.example", "partner.example"],
    ["Partner.Example", "partner.example"],
    ["localhost:4001", "localhost:4001"],
    ["localhost%3A4001", "localhost:4001"],
    ["localhost%3a4001", "localhost:4001"],
    ["partner.example:443", "partner.example"],
    ["partner-node", "partner-node"],
  ])("know the host %s as it stands in URLs", (host, known) => {
    expect(readResolution({ hosts: { [host]: "http://127.0.0.1:1" } }).hosts).toEqual({ [known]: "http://127.0.0.1:1" });
  });

  it.each(["https://x.example", "x.example/", "did:web:x.example:agent", "*.example", "x example", "x.example:port", "a@x.example", ""])(
    "reject an invalid host: %j",
    (host) => {
      expect(() => readResolution({ hosts: { [host]: "http://127.0.0.1:1" } })).toThrow(`resolution.hosts: ${host} is not a host`);
    },
  );

  it.each([
    ["resolution.allow", { allow: "loopback" }],
    ["resolution.allow", { allow: ["everything"] }],
    ["resolution.allow", { allow: ["toString"] }],
    ["resolution.allow", { allow: [7] }],
    ["resolution.allow", { allow: null }],
    ["resolution.httpForLoopback", { httpForLoopback: "yes" }],
    ["resolution.hosts", { hosts: ["x"] }],
    ["resolution.hosts", { hosts: null }],
    ["the entry of x.example", { hosts: { "x.example": "10.0.0.1" } }],
    ["the entry of x.example", { hosts: { "x.example": "ftp://10.0.0.1" } }],
    ["the entry of x.example", { hosts: { "x.example": "https://10.0.0.1/path" } }],
    ["the entry of x.example", { hosts: { "x.example": 7 } }],
    ["resolution.timeoutMs", { timeoutMs: 0 }],
    ["resolution.timeoutMs", { timeoutMs: "5000" }],
    ["resolution.timeoutMs", { timeoutMs: Number.NaN }],
    ["resolution.cacheTtlMs", { cacheTtlMs: -1 }],
    ["resolution.cacheTtlMs", { cacheTtlMs: Number.POSITIVE_INFINITY }],
  ])("that make no sense are a TypeError: %s, %j", async (name, resolution) => {
    await expect(startNode({ port: 0, logger: false, resolution } as unknown as NodeOptions)).rejects.toThrow(
      expect.objectContaining({ name: "TypeError", message: expect.stringContaining(name) as string }) as Error,
    );
  });
});
