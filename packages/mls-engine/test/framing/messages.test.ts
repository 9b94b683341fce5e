import { nodeSuite } from "../cipher-suites.ts";
import { Writer } from "../../src/codec/writer.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { verifyWithLabel } from "../../src/crypto/labels.ts";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { beforeAll, describe, expect, it } from "vitest";
import { framedContentTbs, WireFormat } from "../../src/framing/framed-content.ts";
import { encodePrivateMessage, parsePrivateMessage, privateContentAad, senderDataAad } from "../../src/framing/private-message.ts";
import { sealMessage, signContent } from "../../src/framing/seal-message.ts";
import { applyReuseGuard } from "../../src/framing/reuse-guard.ts";
import { sealSenderData } from "../../src/framing/sender-data.ts";
import { bothProviders, SUITES } from "../crypto/providers.ts";
import { codeThrownBy, expectMlsError } from "../expect-error.ts";
import { toHex } from "../vectors.ts";
import { member, open, send, testEpoch, type TestMember } from "./epochs.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const REMOVE = Uint8Array.of(0, 3, 0, 0, 0, 2);
const EMPTY_COMMIT = Uint8Array.of(0, 0);

let crypto: CipherSuite;
beforeAll(async () => {
  crypto = nodeSuite();
});

describe.each(SUITES)("suite %i, both implementations in one group", (id) => {
  it("every member decrypts the messages of all others", async () => {
    const { node, portable } = bothProviders(id);
    const members = testEpoch([node, portable]);
    for (const [sender, from] of members.entries()) {
      const aad = utf8(`aad ${sender}`);
      const bytes = send(from, utf8(`from ${sender}`), { authenticatedData: aad });
      for (const [leaf, to] of members.entries()) {
        if (leaf === sender) {
          expectMlsError(() => open(to, bytes), "own_message");
          continue;
        }
        const opened = open(to, bytes);
        opened.consume().erase();
        expect(opened).toMatchObject({ sender, generation: 0, contentType: "application", content: utf8(`from ${sender}`) });
        expect(opened.authenticatedData).toEqual(aad);
        expectMlsError(() => open(to, bytes), "generation_consumed");
      }
    }
  });
});

describe("a message", () => {
  it("is decrypted unchanged for any content, authenticated data and padding", async () => {
    const members = testEpoch([crypto]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20_000, size: "max" }),
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom<readonly number[]>([], [64], [256, 1024, 4096]),
        (content, authenticatedData, padding) => {
          const opened = open(member(members, 1), send(member(members, 0), content, { authenticatedData, padding }));
          opened.consume();
          expect(toHex(opened.content)).toBe(toHex(content));
          expect(toHex(opened.authenticatedData)).toBe(toHex(authenticatedData));
        },
      ),
      { numRuns: gateOrSoak(100, 2000) },
    );
  });

  it("with a proposal or commit uses the handshake ratchet", async () => {
    const members = testEpoch([crypto]);
    const proposal = open(member(members, 1), send(member(members, 0), REMOVE, { contentType: "proposal" }));
    expect(proposal).toMatchObject({ contentType: "proposal", content: REMOVE, generation: 0, confirmationTag: undefined });
    proposal.consume();
    const confirmationTag = crypto.random(32);
    const commit = open(member(members, 1), send(member(members, 0), EMPTY_COMMIT, { contentType: "commit", confirmationTag }));
    expect(commit).toMatchObject({ contentType: "commit", content: EMPTY_COMMIT, generation: 1, confirmationTag });
    expect(open(member(members, 1), send(member(members, 0), utf8("hi"))).generation).toBe(0);
  });

  it("includes the signature over FramedContentTBS", async () => {
    const members = testEpoch([crypto]);
    const { epoch } = member(members, 1);
    const opened = open(member(members, 1), send(member(members, 0), REMOVE, { contentType: "proposal" }));
    const signed = framedContentTbs(WireFormat.privateMessage, epoch, epoch.groupContext, opened);
    const publicKey = epoch.signaturePublicKey(0) ?? new Uint8Array(0);
    expect(verifyWithLabel(epoch.suite, publicKey, "FramedContentTBS", signed, opened.signature)).toBe(true);
  });

  it("is accepted out of order", async () => {
    const members = testEpoch([crypto]);
    const all = [0, 1, 2, 3, 4].map((at) => send(member(members, 0), utf8(`${at}`)));
    for (const at of [3, 0, 4, 2, 1]) {
      const opened = open(member(members, 2), all[at] ?? new Uint8Array(0));
      opened.consume();
      expect(opened).toMatchObject({ content: utf8(`${at}`), generation: at });
    }
  });

  it("can be opened until its key is consumed, once", async () => {
    const members = testEpoch([crypto]);
    const bytes = send(member(members, 0), utf8("once"));
    const [first, second] = [open(member(members, 1), bytes), open(member(members, 1), bytes)];
    first.consume();
    expectMlsError(() => second.consume(), "generation_consumed");
    expectMlsError(() => open(member(members, 1), bytes), "generation_consumed");
  });

  it("of another group or epoch is rejected with both epochs", async () => {
    const members = testEpoch([crypto]);
    const message = parsePrivateMessage(send(member(members, 0), utf8("hi")));
    expectMlsError(() => open(member(members, 1), encodePrivateMessage({ ...message, groupId: utf8("other") })), "wrong_group");
    expectMlsError(() => open(member(members, 1), encodePrivateMessage({ ...message, epoch: 8n })), "epoch_mismatch");
    expect(() => open(member(members, 1), encodePrivateMessage({ ...message, epoch: 8n }))).toThrow(
      expect.objectContaining({ messageEpoch: 8n, groupEpoch: 7n }),
    );
  });
});

describe("a lease and its message", () => {
  it("must be of the same ratchet", async () => {
    const { epoch, privateKey } = member(testEpoch([crypto]), 0);
    const content = {
      contentType: "application",
      content: utf8("hi"),
      signature: signContent(epoch, privateKey, "application", utf8("hi")),
    } as const;
    const { lease } = epoch.tree.leaseSend("application", 1);
    expect(() => sealMessage(epoch, lease, { ...content, contentType: "proposal" })).toThrow(TypeError);
    expect(() => sealMessage(epoch, lease, { ...content, confirmationTag: utf8("tag") })).toThrow(TypeError);
    expect(() => sealMessage(epoch, lease, content, [256, 16])).toThrow(TypeError);
    expect(lease.remaining).toBe(1);
    sealMessage(epoch, lease, content);
    expect(() => sealMessage(epoch, lease, content)).toThrow(TypeError);
    const { lease: handshake } = epoch.tree.leaseSend("handshake", 1);
    expect(() => sealMessage(epoch, handshake, { ...content, contentType: "commit" })).toThrow(TypeError);
  });
});

describe("padding", () => {
  it("makes messages of one bucket equally long", async () => {
    const members = testEpoch([crypto]);
    const size = (length: number, padding?: readonly number[]): number =>
      parsePrivateMessage(send(member(members, 0), new Uint8Array(length), padding && { padding })).ciphertext.length - 16;
    expect([0, 1, 100, 180].map((length) => size(length))).toEqual([256, 256, 256, 256]);
    expect([200, 900].map((length) => size(length))).toEqual([1024, 1024]);
    expect([1000, 4000, 5000, 9000].map((length) => size(length))).toEqual([4096, 4096, 8192, 12_288]);
    expect([10, 70].map((length) => size(length, [50]))).toEqual([100, 150]);
    expect(size(10, [])).toBe(1 + 10 + 2 + 64);
  });
});

describe("an outsider", () => {
  it("causes only a typed error with a modified message", async () => {
    const members = testEpoch([crypto]);
    const receiver = member(members, 1);
    const bytes = send(member(members, 0), utf8("hello"), { authenticatedData: utf8("aad") });
    const before = toHex(receiver.epoch.tree.snapshot());
    fc.assert(
      fc.property(mutation, (mutate) => {
        const changed = mutate(bytes);
        const code = codeThrownBy(() => open(receiver, changed));
        expect(["malformed", "unsupported", "wrong_group", "epoch_mismatch", "decryption_failure"]).toContain(code);
        expect(toHex(receiver.epoch.tree.snapshot())).toBe(before);
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
    open(receiver, bytes).consume();
  });

  const mutation = fc.oneof(
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => (bytes: Uint8Array) => {
      const copy = bytes.slice();
      copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ bits;
      return copy;
    }),
    fc.nat().map((length) => (bytes: Uint8Array) => bytes.slice(0, length % bytes.length)),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (bytes: Uint8Array) => Uint8Array.of(...bytes, ...more)),
  );

  it("causes only a typed error with random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const code = codeThrownBy(() => parsePrivateMessage(Uint8Array.of(0, 1, 0, 2, ...bytes)));
        expect([undefined, "malformed"]).toContain(code);
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});

describe("an insider", () => {
  /** A message of leaf 0 with other sender data, as a member can make it. */
  function withSender(members: readonly TestMember[], leaf: number, generation: number): Uint8Array {
    const { epoch } = member(members, 0);
    const message = parsePrivateMessage(send(member(members, 0), utf8("hi")));
    const aad = senderDataAad(message, "application");
    const sender = { leaf, generation, reuseGuard: new Uint8Array(4) };
    const encryptedSenderData = sealSenderData(epoch.suite, epoch.senderDataSecret, message.ciphertext, aad, sender);
    return encodePrivateMessage({ ...message, encryptedSenderData });
  }

  /** A message of leaf 0 with this plaintext, encrypted as it should be. */
  function withPlaintext(members: readonly TestMember[], contentType: "application" | "commit", plaintext: Uint8Array): Uint8Array {
    const { suite, groupId, epoch, tree, senderDataSecret } = member(members, 0).epoch;
    const key = tree.leaseSend(contentType === "commit" ? "handshake" : "application", 1).lease.take();
    if (key === undefined) throw new Error("No key");
    const reuseGuard = suite.random(4);
    const aad = privateContentAad({ groupId, epoch }, contentType, new Uint8Array(0));
    const ciphertext = suite.seal(key.key, applyReuseGuard(key.nonce, reuseGuard), aad, plaintext);
    const sender = { leaf: 0, generation: key.generation, reuseGuard };
    const encryptedSenderData = sealSenderData(suite, senderDataSecret, ciphertext, senderDataAad({ groupId, epoch }, contentType), sender);
    return encodePrivateMessage({ groupId, epoch, contentType, authenticatedData: new Uint8Array(0), encryptedSenderData, ciphertext });
  }

  it("that names a leaf outside the tree or a blank one is rejected", async () => {
    const members = testEpoch([crypto], { leafCount: 5, blank: [2] });
    for (const leaf of [2, 5, 6, 7, 8, 2 ** 31, 2 ** 32 - 1]) {
      expectMlsError(() => open(member(members, 1), withSender(members, leaf, 0)), "decryption_failure");
    }
  });

  it("that names a generation far ahead is rejected", async () => {
    const members = testEpoch([crypto], { limits: { maxForwardSteps: 20 } });
    for (const generation of [21, 2 ** 31, 2 ** 32 - 1]) {
      expectMlsError(() => open(member(members, 1), withSender(members, 3, generation)), "generation_too_far");
    }
  });

  it("cannot consume keys of another member", async () => {
    const members = testEpoch([crypto]);
    const receiver = member(members, 1);
    const before = toHex(receiver.epoch.tree.snapshot());
    for (const generation of [0, 1, 500]) {
      expectMlsError(() => open(receiver, withSender(members, 3, generation)), "decryption_failure");
    }
    expect(toHex(receiver.epoch.tree.snapshot())).toBe(before);
    open(receiver, send(member(members, 3), utf8("mine"))).consume();
  });

  it("cannot sign for another member, and gets the same error as an outsider", async () => {
    const members = testEpoch([crypto]);
    const [thief, victim, receiver] = [member(members, 0), member(members, 1), member(members, 2)];
    const forged = send({ epoch: victim.epoch, privateKey: thief.privateKey }, utf8("not mine"));
    const before = toHex(receiver.epoch.tree.snapshot());
    expectMlsError(() => open(receiver, forged), "decryption_failure");
    expect(toHex(receiver.epoch.tree.snapshot())).toBe(before);
  });

  it("cannot reuse a signature with another group context, content type or authenticated data", async () => {
    const members = testEpoch([crypto]);
    const { epoch, privateKey } = member(members, 0);
    const content = utf8("signed");
    const signatures = [
      signContent({ ...epoch, groupContext: utf8("another") }, privateKey, "application", content),
      signContent({ ...epoch, epoch: 6n }, privateKey, "application", content),
      signContent(epoch, privateKey, "proposal", content),
      signContent(epoch, privateKey, "application", content, utf8("other")),
    ];
    for (const signature of signatures) {
      const { lease } = epoch.tree.leaseSend("application", 1);
      const bytes = sealMessage(epoch, lease, { contentType: "application", content, signature });
      expectMlsError(() => open(member(members, 1), bytes), "decryption_failure");
    }
  });

  it("cannot hide data in the padding", async () => {
    const members = testEpoch([crypto]);
    const { epoch, privateKey } = member(members, 0);
    const content = utf8("hi");
    const signature = signContent(epoch, privateKey, "application", content);
    const plaintext = (padding: number): Uint8Array =>
      new Writer(3 + 66 + 9).vector(content).vector(signature).raw(new Uint8Array(8)).u8(padding).finish();
    expect(open(member(members, 1), withPlaintext(members, "application", plaintext(0))).content).toEqual(content);
    expectMlsError(() => open(member(members, 1), withPlaintext(members, "application", plaintext(1))), "decryption_failure");
  });

  it.each<readonly [string, "application" | "commit", readonly number[]]>([
    ["nothing", "application", []],
    ["a length beyond the end", "application", [0x40, 0xff, 1, 2, 3]],
    ["a length of a gigabyte", "application", [0xbf, 0xff, 0xff, 0xff]],
    ["a length in too many bytes", "application", [0x40, 0x01, 7, 0]],
    ["a length with an invalid prefix", "application", [0xc0, 0, 0, 0, 0, 0, 0, 0]],
    ["no signature", "application", [2, 1, 2]],
    ["an empty signature", "application", [2, 1, 2, 0]],
    ["no confirmation tag", "commit", [0, 0, 0]],
    ["half a path", "commit", [0, 1, 0, 0]],
    ["a path that is neither there nor absent", "commit", [0, 2, 0, 0, 0, 0]],
  ])("that encrypts %s causes a typed error", async (_, contentType, plaintext) => {
    const members = testEpoch([crypto]);
    const bytes = withPlaintext(members, contentType, Uint8Array.from(plaintext));
    expectMlsError(() => open(member(members, 1), bytes), "decryption_failure");
  });

  it("that encrypts random content causes a typed error", async () => {
    const members = testEpoch([crypto]);
    fc.assert(
      fc.property(fc.constantFrom("application" as const, "commit" as const), fc.uint8Array({ maxLength: 120 }), (type, plaintext) => {
        expectMlsError(() => open(member(members, 1), withPlaintext(members, type, plaintext)), "decryption_failure");
      }),
      { numRuns: gateOrSoak(100, 5000) },
    );
  });
});

describe("parsing", () => {
  it.each<readonly [string, string, string]>([
    ["nothing", "", "malformed"],
    ["another version", "00020002", "unsupported"],
    ["a PublicMessage", "00010001", "unsupported"],
    ["no group id", "00010002", "malformed"],
    ["a group id beyond the end", "0001000220aabb", "malformed"],
    ["an unknown type of content", "0001000200000000000000000704000000", "malformed"],
    ["bytes behind the end", "000100020000000000000000070100000000", "malformed"],
  ])("rejects %s", (_, hex, code) => {
    expect(codeThrownBy(() => parsePrivateMessage(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))))).toBe(
      code,
    );
  });

  it("rejects messages above the size limit before reading them", () => {
    expectMlsError(() => parsePrivateMessage(new Uint8Array(101), 100), "too_large");
    expectMlsError(() => parsePrivateMessage(new Uint8Array(16 * 1024 * 1024 + 1)), "too_large");
  });

  it("reverses encoding", () => {
    fc.assert(
      fc.property(
        fc.record({
          groupId: fc.uint8Array(),
          epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          contentType: fc.constantFrom("application" as const, "proposal" as const, "commit" as const),
          authenticatedData: fc.uint8Array({ maxLength: 200 }),
          encryptedSenderData: fc.uint8Array(),
          ciphertext: fc.uint8Array({ maxLength: 20_000, size: "max" }),
        }),
        (message) => {
          expect(parsePrivateMessage(encodePrivateMessage(message))).toEqual(message);
        },
      ),
    );
  });
});
