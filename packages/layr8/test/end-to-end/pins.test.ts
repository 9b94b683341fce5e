import { agentJwks, agentKids, signKeyStatement, type AgentPublicKeys, type PrivateJwk } from "@parley/didcomm-crypto";
import type { DidDocument } from "@parley/did";
import { describe, expect, it } from "vitest";
import { fingerprintOf, Pins } from "../../src/end-to-end/pins.ts";
import { createJwks } from "./create-jwks.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const DID = "did:web:b.example:bob";
const OWNER = "did:web:a.example:alice";
const FILE = { name: "pins", did: OWNER };
const OWNER_LINE = `{"owner":"${OWNER}"}\n`;

interface Keys extends AgentPublicKeys {
  readonly privateKey: PrivateJwk;
}

function createKeys(): Keys {
  const { privateKey } = createJwks("ed25519");
  return { signing: privateKey.x, agreement: createJwks("x25519").privateKey.x, privateKey };
}

function documentOf(keys: readonly AgentPublicKeys[], { did = DID, rotations = [] as readonly string[] } = {}): DidDocument {
  const listed = keys.map((each) => ({ kids: agentKids(did, each), jwks: agentJwks(each) }));
  const method = (id: string, jwk: object) => ({ id, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...jwk } });
  const signing = listed.map(({ kids }) => kids.signing);
  return {
    id: did,
    verificationMethod: listed.flatMap(({ kids, jwks }) => [method(kids.signing, jwks.signing), method(kids.agreement, jwks.agreement)]),
    authentication: signing,
    assertionMethod: signing,
    keyAgreement: listed.map(({ kids }) => kids.agreement),
    capabilityInvocation: [],
    capabilityDelegation: [],
    service: [],
    ...(rotations.length > 0 && { keyRotations: rotations }),
  };
}

function rotation(sequence: number, next: Keys, by: Keys, formerUntil = Date.now() + 60_000): string {
  const { signing, agreement } = next;
  const statement = { did: DID, sequence, signing, agreement, madeAt: 1_700_000_000_000, formerUntil };
  return signKeyStatement(statement, { kid: agentKids(DID, by).signing, privateKey: by.privateKey });
}

const CHANGED = { name: "EndToEndError", code: "key_changed" };

describe("pins", () => {
  it("accept the first keys of a DID, and later only those", async () => {
    const store = new MemoryKeyStore();
    const pins = await Pins.open(store, FILE);
    const document = documentOf([createKeys()]);
    await pins.check(document);
    await pins.check(structuredClone(document));
    await expect(pins.check(documentOf([createKeys()]))).rejects.toMatchObject(CHANGED);
    const reopened = await Pins.open(store, FILE);
    await reopened.check(document);
    await expect(reopened.check(documentOf([createKeys()]))).rejects.toMatchObject(CHANGED);
  });

  it("follow rotations, also several at once", async () => {
    const [first, second, third] = [createKeys(), createKeys(), createKeys()];
    const pins = await Pins.open(new MemoryKeyStore(), FILE);
    await pins.check(documentOf([first]));
    const rotations = [rotation(1, second, first), rotation(2, third, second)];
    await pins.check(documentOf([third, second], { rotations }));
    await pins.check(documentOf([third], { rotations }));
    await expect(pins.check(documentOf([second, first], { rotations: rotations.slice(0, 1) }))).rejects.toMatchObject(CHANGED);
    await expect(pins.check(documentOf([first]))).rejects.toMatchObject(CHANGED);
  });

  it.each<[string, (first: Keys, second: Keys) => DidDocument]>([
    ["signed with another key", (_first, second) => documentOf([second], { rotations: [rotation(1, second, createKeys())] })],
    ["that skips a number", (first, second) => documentOf([second], { rotations: [rotation(2, second, first)] })],
    ["to other keys than those listed", (first, second) => documentOf([createKeys()], { rotations: [rotation(1, second, first)] })],
    [
      "beside which a further key is listed",
      (first, second) => documentOf([second, createKeys()], { rotations: [rotation(1, second, first)] }),
    ],
    ["that is malformed", (_first, second) => documentOf([second], { rotations: ["{}"] })],
  ])("reject a rotation %s", async (_what, build) => {
    const [first, second] = [createKeys(), createKeys()];
    const pins = await Pins.open(new MemoryKeyStore(), FILE);
    await pins.check(documentOf([first]));
    await expect(pins.check(build(first, second))).rejects.toMatchObject(CHANGED);
    // Nothing of it is kept.
    await pins.check(documentOf([first]));
  });

  it("reject a replaced key that has expired", async () => {
    const [first, second] = [createKeys(), createKeys()];
    const pins = await Pins.open(new MemoryKeyStore(), FILE);
    await pins.check(documentOf([first]));
    const rotations = [rotation(1, second, first, Date.now() - 2 * 60 * 60_000)];
    await expect(pins.check(documentOf([second, first], { rotations }))).rejects.toMatchObject(CHANGED);
    await pins.check(documentOf([second], { rotations }));
  });

  it("reject keys of a node in place of an agent's", async () => {
    const pins = await Pins.open(new MemoryKeyStore(), FILE);
    await pins.check(documentOf([createKeys()]));
    const { verificationMethod, ...document } = documentOf([createKeys()]);
    const renamed = verificationMethod.map((method, index) => ({ ...method, id: `${DID}#${index}` }));
    const ofNode = { ...document, verificationMethod: renamed, authentication: [`${DID}#0`], keyAgreement: [`${DID}#1`] };
    await expect(pins.check(ofNode)).rejects.toMatchObject(CHANGED);
  });

  it("forget the keys of a DID on request", async () => {
    const store = new MemoryKeyStore();
    const pins = await Pins.open(store, FILE);
    await pins.check(documentOf([createKeys()]));
    await pins.forget(DID);
    const next = documentOf([createKeys()]);
    await pins.check(next);
    const reopened = await Pins.open(store, FILE);
    await reopened.check(next);
    await expect(reopened.check(documentOf([createKeys()]))).rejects.toMatchObject(CHANGED);
  });

  it("forget those first to whom the agent has not sent, and reject new ones otherwise", async () => {
    const pins = await Pins.open(new MemoryKeyStore(), FILE, 2);
    const [one, two, three] = ["one", "two", "three"].map((name) => documentOf([createKeys()], { did: `did:web:b.example:${name}` })) as [
      DidDocument,
      DidDocument,
      DidDocument,
    ];
    await pins.check(one);
    await pins.contacted(one.id);
    await pins.check(two);
    await pins.check(three);
    await expect(pins.check(documentOf([createKeys()], { did: one.id }))).rejects.toMatchObject(CHANGED);
    await pins.contacted(three.id);
    await expect(pins.check(two)).rejects.toMatchObject({ code: "too_many_peers" });
  });

  it("survive a crash while a line was written, and nothing else that damages the file", async () => {
    const store = new MemoryKeyStore();
    const document = documentOf([createKeys()]);
    await (await Pins.open(store, FILE)).check(document);
    await store.append("pins", '{"did":"did:web:c.exa');
    await (await Pins.open(store, FILE)).check(document);
    const text = store.texts.get("pins") ?? "";
    expect(text).toMatch(/^\{"owner":"did:web:a\.example:alice"\}\n\{"did":"did:web:b\.example:bob",.*\}\n$/);
    // What begins a new line, ends one, or is in the middle, was not cut by a crash.
    const damages: [damaged: string, line: number][] = [
      [`garbage\n${text}`, 1],
      [`${text}{"did":"did:web:c.exa\n`, 3],
      [`${text}\n`, 3],
      [text.replace('"keys":{', '"keys":['), 2],
      [text.replace(/("[^"]+#key-[^"]+":)"[^"]*"/, "$11"), 2],
    ];
    for (const [damaged, line] of damages) {
      store.texts.set("pins", damaged);
      await expect(Pins.open(store, FILE)).rejects.toMatchObject({
        code: "key_store_invalid",
        message: expect.stringContaining(`"pins" of the key store is damaged in line ${line}`) as unknown,
      });
      expect(store.texts.get("pins")).toBe(damaged);
    }
  });

  it("drop a cut line at any place, also in the first one", async () => {
    const store = new MemoryKeyStore();
    const document = documentOf([createKeys()]);
    await (await Pins.open(store, FILE)).check(document);
    const text = store.texts.get("pins") ?? "";
    for (let length = 0; length < text.length; length++) {
      store.texts.set("pins", text.slice(0, length));
      const pins = await Pins.open(store, FILE);
      await pins.check(document);
      await expect((await Pins.open(store, FILE)).check(documentOf([createKeys()]))).rejects.toMatchObject(CHANGED);
    }
  });

  it("are those of one agent, and have been so in files without its name", async () => {
    const store = new MemoryKeyStore();
    const document = documentOf([createKeys()]);
    await (await Pins.open(store, FILE)).check(document);
    const other = { name: "pins", did: "did:web:a.example:mallory" };
    await expect(Pins.open(store, other)).rejects.toMatchObject({
      code: "key_store_invalid",
      message: `"pins" of the key store is a file of ${OWNER}, not of did:web:a.example:mallory`,
    });
    store.texts.set("pins", (store.texts.get("pins") ?? "").replace(OWNER_LINE, ""));
    const pins = await Pins.open(store, FILE);
    await expect(pins.check(documentOf([createKeys()]))).rejects.toMatchObject(CHANGED);
    await pins.contacted(DID);
    await Pins.open(store, FILE);
  });

  it("can be read after an append that has failed in the middle", async () => {
    const store = new MemoryKeyStore();
    const pins = await Pins.open(store, FILE);
    const [bob, carol] = [documentOf([createKeys()]), documentOf([createKeys()], { did: "did:web:c.example:carol" })];
    store.room = 20;
    await expect(pins.check(bob)).rejects.toThrow("disk full");
    await pins.check(carol);
    await pins.check(bob);
    for (const did of [bob.id, carol.id])
      await expect((await Pins.open(store, FILE)).check(documentOf([createKeys()], { did }))).rejects.toMatchObject(CHANGED);
  });

  it("keep their file small while others come and go", async () => {
    const store = new MemoryKeyStore();
    const pins = await Pins.open(store, FILE, 10);
    const documents = Array.from({ length: 100 }, (_, n) => documentOf([createKeys()], { did: `did:web:b.example:${n}` }));
    await Promise.all(documents.map((document) => pins.check(document)));
    expect(store.texts.get("pins")?.split("\n").length).toBeLessThan(40);
    const reopened = await Pins.open(store, FILE, 10);
    const other = (n: number) => documentOf([createKeys()], { did: `did:web:b.example:${n}` });
    await expect(reopened.check(other(99))).rejects.toMatchObject(CHANGED);
    await reopened.check(other(0));
  });
});

describe("a fingerprint", () => {
  it("depends on the DID and its present keys only", () => {
    const [first, second] = [createKeys(), createKeys()];
    const own = fingerprintOf(documentOf([second]));
    expect(own).toMatch(/^(?:\d{5} ){11}\d{5}$/);
    expect(fingerprintOf(documentOf([second, first], { rotations: [rotation(1, second, first)] }))).toBe(own);
    expect(fingerprintOf(documentOf([first]))).not.toBe(own);
    expect(fingerprintOf(documentOf([second], { did: `${DID}2` }))).not.toBe(own);
  });
});
