import { describe, expect, it } from "vitest";
import { HostLabels } from "../../src/http/host-labels.ts";

describe("labels of hosts", () => {
  it("are those of the first hosts, then one for all others", () => {
    const labels = new HostLabels(true);
    const names = Array.from({ length: 100 }, (_, index) => labels.labelOf(`did:web:host-${index}.example:agent`));
    expect(names.slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, index) => `host-${index}.example`));
    expect(new Set(names.slice(32))).toEqual(new Set(["other"]));
    expect(labels.labelOf("did:web:host-3.example")).toBe("host-3.example");
  });

  it("are the same for a host in any spelling, with its port", () => {
    const labels = new HostLabels(true);
    for (const did of ["did:web:Partner.example%3A8443:a", "did:web:partner.example%3a8443"])
      expect(labels.labelOf(did)).toBe("partner.example:8443");
  });

  it("are the common one for DIDs without a host", () => {
    expect(new HostLabels(true).labelOf("did:key:z6Mkexample")).toBe("other");
  });

  it("names no host if the metrics are public", () => {
    expect(new HostLabels(false).labelOf("did:web:partner.example:a")).toBe("other");
  });
});
