import { ciphersuites, getCiphersuiteFromName } from "ts-mls";
import { describe, expect, it, vi } from "vitest";
import { createCipherSuite } from "../../src/crypto/create-cipher-suite.ts";
import { algorithmsOf, cipherSuites, suiteName } from "../../src/crypto/suites.ts";
import { nodeSuite, portableSuite } from "../cipher-suites.ts";

describe("cipher suites", () => {
  it("are those of RFC 9420, with the numbers and algorithms that ts-mls gives them", () => {
    expect(cipherSuites.map((name) => algorithmsOf(name).id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const name of cipherSuites) {
      const [ours, theirs] = [algorithmsOf(name), getCiphersuiteFromName(name)];
      expect(ours.id).toBe(ciphersuites[name]);
      expect(suiteName(ours.id)).toBe(name);
      expect(ours.hash).toBe(theirs.hash);
      expect(`HKDF-${ours.hash.replace("-", "")}`).toBe(theirs.hpke.kdf);
      expect(ours.aead.replaceAll("-", "").toUpperCase()).toBe(theirs.hpke.aead);
      expect(theirs.signature).toBe(ours.signature.replace(/^P-/, "P"));
      expect(theirs.hpke.kem).toContain(ours.dh.replace(/^P-/, "P"));
    }
  });

  it("with an unknown name or a private identifier are rejected", () => {
    for (const id of [0, 8, 77, 88, 99]) expect(suiteName(id)).toBeUndefined();
    for (const name of ["MLS_1", "", "constructor", "MLS_256_XWING_AES256GCM_SHA512_Ed25519"]) {
      expect(() => createCipherSuite(name as never)).toThrow(expect.objectContaining({ code: "crypto_unavailable" }));
    }
  });

  it("default to suite 1", () => {
    for (const create of [createCipherSuite, nodeSuite, portableSuite]) expect(create().id).toBe(1);
  });
});

describe("createCipherSuite", () => {
  it("uses node:crypto on Node, and JavaScript elsewhere", () => {
    const asked = vi.spyOn(process, "getBuiltinModule");
    createCipherSuite();
    expect(asked).toHaveBeenCalledWith("node:crypto");
    asked.mockRestore();
    vi.stubGlobal("process", undefined);
    try {
      expect(createCipherSuite().random(5)).toHaveLength(5);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
