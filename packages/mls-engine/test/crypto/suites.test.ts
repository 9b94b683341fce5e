import { ciphersuites, getCiphersuiteFromName } from "ts-mls";
import { describe, expect, it, vi } from "vitest";
import { createCrypto, createWebCrypto } from "../../src/crypto/create-crypto.ts";
import { cipherSuites, suiteId, suiteName, suiteOf } from "../../src/crypto/suites.ts";
import { MlsError } from "../../src/errors.ts";
import { createNodeCrypto } from "../../src/node/node-crypto.ts";
import { member, open, send, testEpoch } from "../framing/epochs.ts";

const POST_QUANTUM = cipherSuites.filter((name) => suiteId(name) > 7);

describe("suites", () => {
  it("have the numbers and the parts that ts-mls gives them", () => {
    expect(Object.fromEntries(cipherSuites.map((name) => [name, suiteId(name)]))).toEqual(ciphersuites);
    for (const name of cipherSuites) {
      expect(suiteName(suiteId(name))).toBe(name);
      const [ours, theirs] = [suiteOf(name), getCiphersuiteFromName(name)];
      expect(ours.hash).toBe(theirs.hash);
      expect(`HKDF-${ours.kdf.replace("-", "")}`).toBe(theirs.hpke.kdf);
      expect(ours.aead.replaceAll("-", "").toUpperCase()).toBe(theirs.hpke.aead);
      expect(theirs.signature).toBe(ours.signature.replace(/^P-/, "P"));
      expect(theirs.hpke.kem).toContain(ours.kem.replace(/^P-/, "P"));
    }
  });

  it("that nobody knows are refused", async () => {
    expect(suiteName(99)).toBeUndefined();
    for (const name of ["MLS_1", "", "constructor"]) {
      await expect(createCrypto(name as never)).rejects.toMatchObject({ code: "crypto_unavailable" });
    }
  });

  it("are suite 1 unless asked otherwise, in every way to get them", async () => {
    for (const create of [createCrypto, createNodeCrypto, createWebCrypto]) expect(suiteId((await create()).suite)).toBe(1);
  });
});

describe("the choice by runtime", () => {
  it("is node:crypto on Node, and JavaScript where there is no Node", async () => {
    const asked = vi.spyOn(process, "getBuiltinModule");
    await createCrypto();
    expect(asked).toHaveBeenCalledWith("node:crypto");
    asked.mockRestore();
    vi.stubGlobal("process", undefined);
    try {
      const { messages } = await createCrypto();
      expect(messages.random(5)).toHaveLength(5);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe.each(POST_QUANTUM)("%s", (name) => {
  it("encrypts to keys, signs, and protects messages, with both providers", async () => {
    const [node, web] = [await createNodeCrypto(name), await createWebCrypto(name)];
    for (const [from, to] of [
      [node, web],
      [web, node],
    ] as const) {
      const { privateKey, publicKey } = await to.handshake.hpke.generateKeyPair();
      const imported = await from.handshake.hpke.importPublicKey(await to.handshake.hpke.exportPublicKey(publicKey));
      const [plaintext, info] = [from.messages.random(40), from.messages.random(10)];
      const { enc, ct } = await from.handshake.hpke.seal(imported, plaintext, info);
      expect(await to.handshake.hpke.open(privateKey, enc, ct, info)).toEqual(plaintext);
    }
    const members = await testEpoch([node, web], { leafCount: 2 });
    const [a, b] = [member(members, 0), member(members, 1)];
    expect(open(b, send(a, Uint8Array.of(1, 2, 3))).content).toEqual(Uint8Array.of(1, 2, 3));
    expect(open(a, send(b, Uint8Array.of(4, 5, 6))).content).toEqual(Uint8Array.of(4, 5, 6));
  });
});

describe("an optional package that isn't installed", () => {
  it("is named by the error", async () => {
    vi.doMock("@noble/post-quantum/ml-dsa.js", () => {
      throw new Error("Cannot find package");
    });
    try {
      const thrown: unknown = await createCrypto("MLS_256_XWING_AES256GCM_SHA512_MLDSA87").catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(MlsError);
      expect(thrown).toMatchObject({ code: "crypto_unavailable", message: expect.stringContaining("@noble/post-quantum") });
    } finally {
      vi.doUnmock("@noble/post-quantum/ml-dsa.js");
    }
  });
});
