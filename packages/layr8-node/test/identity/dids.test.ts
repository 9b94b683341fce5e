import { createPublicKey, diffieHellman, sign, verify } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { ApiKeys, type ApiKey, type ApiKeyOptions } from "../../src/identity/api-keys.ts";
import type { AgentKeys } from "../../src/identity/agent-keys.ts";
import { Dids } from "../../src/identity/dids.ts";
import type { DidsOptions } from "../../src/identity/dids-options.ts";
import type { DidRecord } from "../../src/identity/hosted-did.ts";
import { loadNodeKey } from "../../src/identity/node-key.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { memoryRecords, SealingKey, storedRecords } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";

const DID = "did:web:host.example:agent";
const holdsAnything = (): Promise<boolean> => Promise.resolve(false);

async function apiKey(options: Partial<ApiKeyOptions> = {}): Promise<ApiKey> {
  const apiKeys = new ApiKeys(memoryRecords());
  const { key } = await apiKeys.create({ dids: "any", ...options });
  const found = apiKeys.find(key);
  if (found === undefined) throw new Error("no key");
  return found;
}

function createDids(options: Partial<DidsOptions> = {}): Dids {
  return new Dids({ records: memoryRecords(), nodeKey: SealingKey.random(), now: () => 1000, ...options });
}

async function expired(dids: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const did of dids) found.push(did);
  return found;
}

describe("Dids", () => {
  it("sets the keys of an agent once, of those that are presented at the same time, and later those that a rotation leads to", async () => {
    const dids = createDids();
    await dids.ensure(DID, { mode: "Create", owner: await apiKey() });
    const keysOf = (letter: string): AgentKeys => {
      const key = letter.repeat(43);
      return { sequence: 0, signing: key, agreement: key, former: [], rotations: [] };
    };
    const [first, other] = [keysOf("A"), keysOf("B")];
    expect(await Promise.all([dids.setAgentKeys(DID, first), dids.setAgentKeys(DID, other)])).toEqual([true, false]);
    expect(dids.keysAtAgent(DID)).toBe(true);
    expect(await dids.setAgentKeys(DID, { ...first })).toBe(true);
    const rotated = { ...other, sequence: 1 };
    expect(await dids.setAgentKeys(DID, rotated)).toBe(false);
    expect(await dids.setAgentKeys(DID, { ...rotated, former: [{ ...first, until: 0 }] })).toBe(true);
    expect(await dids.setAgentKeys(DID, first)).toBe(false);
    expect(await dids.privateKey(DID, "signing")).toBeUndefined();
  });

  it("creates a DID that is absent, and returns one that exists", async () => {
    let clock = 1000;
    const dids = createDids({ now: () => clock });
    const owner = await apiKey();
    const created = { did: DID, storage: "persistent", ownerKeyId: owner.id, createdAt: 1000, lastSeenAt: 1000 };
    expect(await dids.ensure(DID, { mode: "Create", owner, holdsAnything })).toEqual(created);
    clock = 2000;
    expect(await dids.ensure(DID, { mode: "Require", owner, holdsAnything })).toEqual({ ...created, lastSeenAt: 2000 });
    expect(await dids.ensure(DID, { mode: "Create", storage: "ephemeral", owner, holdsAnything })).toMatchObject({ storage: "persistent" });
    expect(await dids.ensure(DID, { mode: "Update", storage: "ephemeral", owner, holdsAnything })).toMatchObject({
      storage: "ephemeral",
      createdAt: 1000,
    });
    expect(dids.get("did:web:other.example")).toBeUndefined();
    expect(dids.has(DID)).toBe(true);
  });

  it("allows only the key that created a DID to make it ephemeral, if it may have such, and not while anything is stored for the DID", async () => {
    const dids = createDids();
    const [owner, other] = [await apiKey(), await apiKey()];
    await dids.ensure(DID, { mode: "Create", owner });
    const toEphemeral = { mode: "Update", storage: "ephemeral" } as const;
    await expect(dids.ensure(DID, { ...toEphemeral, owner: other, holdsAnything })).rejects.toMatchObject({ code: "did_not_allowed" });
    await expect(dids.ensure(DID, { ...toEphemeral, owner: { ...owner, ephemeral: false }, holdsAnything })).rejects.toMatchObject({
      code: "ephemeral_not_allowed",
    });
    await expect(dids.ensure(DID, { ...toEphemeral, owner, holdsAnything: () => Promise.resolve(true) })).rejects.toMatchObject({
      code: "did_in_use",
    });
    expect(dids.get(DID)).toMatchObject({ storage: "persistent" });
    expect(await dids.ensure(DID, { ...toEphemeral, owner, holdsAnything })).toMatchObject({ storage: "ephemeral" });
  });

  it.each(["did:web:HOST.example:agent", "did:web:host.example%3A443:agent", "did:web:host.example:%61gent"])(
    "does not take %s for another DID than the one in its canonical spelling",
    async (did) => {
      const owner = await apiKey();
      await expect(createDids().ensure(did, { mode: "Create", owner })).rejects.toMatchObject({
        code: "did_invalid",
        message: expect.stringContaining(DID) as string,
      });
    },
  );

  it("creates one record for concurrent joins", async () => {
    const dids = createDids();
    const owner = await apiKey();
    const [first, second] = await Promise.all([1, 2].map(() => dids.ensure(DID, { mode: "Create", owner, holdsAnything })));
    expect(first).toEqual(second);
  });

  it.each([
    ["not a DID", "Create", "did_invalid"],
    [`${DID}#key`, "Create", "did_invalid"],
    ["did:web:host.example:absent", "Require", "did_unknown"],
    ["did:web:else.example", "Create", "did_not_allowed"],
    ["did:web:else.example", "Require", "did_not_allowed"],
  ] as const)("refuses %j in mode %s with %s", async (did, mode, code) => {
    const owner = await apiKey({ dids: ["did:web:host.example:*"] });
    await expect(createDids().ensure(did, { mode, owner, holdsAnything })).rejects.toMatchObject({ name: "IdentityError", code });
  });

  it("allows a second key to bind a persistent DID only if its rule covers it", async () => {
    const dids = createDids();
    const [owner, covered, other] = [await apiKey(), await apiKey({ dids: [DID] }), await apiKey({ dids: ["did:web:other.example:*"] })];
    await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
    expect(await dids.ensure(DID, { mode: "Create", owner: covered })).toMatchObject({ ownerKeyId: owner.id });
    await expect(dids.ensure(DID, { mode: "Create", owner: other })).rejects.toMatchObject({ code: "did_not_allowed" });
  });

  it("allows only the creator of an ephemeral DID to rejoin it, regardless of the rules", async () => {
    const dids = createDids();
    const [owner, any] = [await apiKey({ dids: [] }), await apiKey()];
    const { did, storage } = await dids.assign("localhost%3A4000", owner);
    expect(did).toMatch(/^did:web:localhost%3A4000:ephemeral:[0-9a-f]{32}$/u);
    expect(storage).toBe("ephemeral");
    expect(await dids.ensure(did, { mode: "Require", owner, holdsAnything })).toMatchObject({ did });
    for (const mode of ["Create", "Require", "Update"] as const) {
      await expect(dids.ensure(did, { mode, owner: any, storage: "persistent" })).rejects.toMatchObject({ code: "did_not_allowed" });
    }
    await expect(dids.ensure(did, { mode: "Update", owner, storage: "persistent" })).rejects.toMatchObject({ code: "did_not_allowed" });
  });

  it("rejects ephemeral DIDs for keys that may not have them, and more DIDs than a key may own", async () => {
    const without = await apiKey({ ephemeral: false });
    await expect(createDids().assign("host.example", without)).rejects.toMatchObject({ code: "ephemeral_not_allowed" });
    const dids = createDids({ maxPerKey: 2 });
    const owner = await apiKey();
    await dids.assign("host.example", owner);
    await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
    await expect(dids.ensure(`${DID}:2`, { mode: "Create", owner, holdsAnything })).rejects.toMatchObject({ code: "too_many_dids" });
    await expired(dids.expire(2000, () => false));
    await dids.ensure(`${DID}:2`, { mode: "Create", owner, holdsAnything });
  });

  it("returns the DID of a join, or the reason of a rejection", async () => {
    const dids = createDids();
    const owner = await apiKey({ dids: ["did:web:host.example:*"] });
    expect(await dids.admit(owner, { did: DID, mode: "Create" }, "host.example")).toEqual({ ok: true, did: DID });
    expect(await dids.admit(owner, { mode: "Create" }, "host.example")).toEqual({ ok: true, did: expect.stringContaining(":ephemeral:") });
    expect(await dids.admit(owner, { mode: "Create", storage: "persistent" }, "host.example")).toEqual({
      ok: true,
      did: expect.stringContaining("did:web:host.example:agents:"),
    });
    expect(await dids.admit(owner, { did: "did:web:else.example", mode: "Create" }, "host.example")).toEqual({
      ok: false,
      reason: "unauthorized",
    });
    expect(await dids.admit(owner, { did: `${DID}:x`, mode: "Require" }, "host.example")).toEqual({
      ok: false,
      reason: `unknown DID: ${DID}:x`,
    });
  });

  it("removes ephemeral DIDs that were not used recently", async () => {
    let clock = 1000;
    const dids = createDids({ now: () => clock });
    const owner = await apiKey();
    const [idle, touched, connected] = [await dids.assign("a", owner), await dids.assign("a", owner), await dids.assign("a", owner)];
    await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
    clock = 5000;
    dids.touch(touched.did);
    dids.touch("did:web:nobody.example");
    expect(await expired(dids.expire(4000, (did) => did === connected.did))).toEqual([idle.did]);
    expect([idle.did, touched.did, connected.did, DID].map((did) => dids.has(did))).toEqual([false, true, true, true]);
  });

  it("does not host a DID that could not be written", async () => {
    const failing = { ...memoryRecords<DidRecord>(), put: () => Promise.reject(new Error("disk")) };
    const dids = createDids({ records: failing });
    const owner = await apiKey();
    const joins = [1, 2].map(() => dids.ensure(DID, { mode: "Create", owner, holdsAnything }));
    for (const result of await Promise.allSettled(joins)) expect(result.status).toBe("rejected");
    expect(dids.has(DID)).toBe(false);
  });

  it("serves a document whose keys fit the private ones", async () => {
    const dids = createDids();
    await dids.ensure(DID, { mode: "Create", owner: await apiKey() });
    const [document, again] = await Promise.all(
      [1, 2].map(() => dids.documentAt("host.example", "/agent/did.json", "https://host.example/")),
    );
    expect(again).toEqual(document);
    const jwk = { kty: "OKP", x: expect.stringMatching(/^[\w-]{43}$/u) };
    expect(document).toEqual({
      "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
      id: DID,
      verificationMethod: [
        { id: `${DID}#signing`, type: "JsonWebKey2020", controller: DID, publicKeyJwk: { ...jwk, crv: "Ed25519" } },
        { id: `${DID}#agreement`, type: "JsonWebKey2020", controller: DID, publicKeyJwk: { ...jwk, crv: "X25519" } },
      ],
      authentication: [`${DID}#signing`],
      assertionMethod: [`${DID}#signing`],
      keyAgreement: [`${DID}#agreement`],
      service: [
        {
          id: `${DID}#didcomm`,
          type: "DIDCommMessaging",
          serviceEndpoint: { uri: "https://host.example/didcomm", accept: ["didcomm/v2"] },
        },
      ],
    });
    const methods = document?.["verificationMethod"] as readonly { readonly publicKeyJwk: { kty: string; crv: string; x: string } }[];
    const [signing, agreement] = methods.map(({ publicKeyJwk }) => createPublicKey({ key: publicKeyJwk, format: "jwk" }));
    const [signingKey, agreementKey] = [await dids.privateKey(DID, "signing"), await dids.privateKey(DID, "agreement")];
    if (!signing || !agreement || !signingKey || !agreementKey) throw new Error("a key is missing");
    const text = Buffer.from("text");
    expect(verify(null, text, signing, sign(null, text, signingKey))).toBe(true);
    expect(diffieHellman({ publicKey: agreement, privateKey: agreementKey })).toHaveLength(32);
    expect(await dids.documentAt("host.example", "/absent/did.json", "https://host.example")).toBeUndefined();
    expect(await dids.privateKey("did:web:absent.example", "signing")).toBeUndefined();
  });

  it("decrypts and imports a private key once, and again for a DID that was created again", async () => {
    const nodeKey = SealingKey.random();
    let opened = 0;
    const open = nodeKey.open.bind(nodeKey);
    nodeKey.open = (...args) => {
      opened += 1;
      return open(...args);
    };
    const dids = createDids({ nodeKey });
    const owner = await apiKey();
    await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
    const first = await dids.privateKey(DID, "signing");
    expect(await dids.privateKey(DID, "signing")).toBe(first);
    expect(await dids.privateKey(DID, "agreement")).toBe(await dids.privateKey(DID, "agreement"));
    expect(opened).toBe(2);
    await dids.remove(DID);
    expect(await dids.privateKey(DID, "signing")).toBeUndefined();
    await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
    const second = await dids.privateKey(DID, "signing");
    expect(second?.export({ format: "jwk" }).d).not.toBe(first?.export({ format: "jwk" }).d);
  });
});

describe("Dids in a data directory", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  async function withDids<T>(use: (dids: Dids) => Promise<T>, now = 1000): Promise<T> {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const nodeKey = await loadNodeKey(directory.path);
    return await use(createDids({ records: storedRecords<DidRecord>(environment, "dids"), nodeKey, now: () => now }));
  }

  it("keeps DIDs and their keys, encrypted, over a restart", async () => {
    const owner = await apiKey();
    const before = await withDids(async (dids) => {
      await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
      // A note of use that overtakes the keys must not undo them.
      const document = dids.document(DID, "https://host.example");
      await dids.ensure(DID, { mode: "Update", storage: "ephemeral", owner, holdsAnything });
      return { document: await document, key: (await dids.privateKey(DID, "signing"))?.export({ format: "jwk" }).d };
    });
    const after = await withDids(async (dids) => {
      expect(dids.get(DID)).toMatchObject({ storage: "ephemeral", ownerKeyId: owner.id, lastSeenAt: 9000 });
      return {
        document: await dids.document(DID, "https://host.example"),
        key: (await dids.privateKey(DID, "signing"))?.export({ format: "jwk" }).d,
      };
    }, 9000);
    expect(after).toEqual(before);
    expect((await readFile(join(directory.path, "node.mdb"))).includes(before.key ?? "")).toBe(false);
    expect((await stat(join(directory.path, "node.key"))).mode & 0o777).toBe(0o600);
  });

  it("rejects a directory with another node key", async () => {
    const owner = await apiKey();
    await withDids(async (dids) => {
      await dids.ensure(DID, { mode: "Create", owner, holdsAnything });
      await dids.document(DID, "https://host.example");
    });
    await writeFile(join(directory.path, "node.key"), Buffer.alloc(32).toString("base64url"));
    await expect(withDids(() => Promise.resolve())).rejects.toMatchObject({ name: "StorageError", code: "data_dir_unusable" });
    await writeFile(join(directory.path, "node.key"), "short");
    await expect(withDids(() => Promise.resolve())).rejects.toMatchObject({ code: "data_dir_unusable" });
  });

  it("decrypts a sealed secret only for its purpose, and only if it is complete", () => {
    const nodeKey = SealingKey.random();
    const sealed = nodeKey.seal(Buffer.from("secret"), "signing a");
    expect(Buffer.from(nodeKey.open(sealed, "signing a")).toString()).toBe("secret");
    const altered = [sealed.slice(0, -4), sealed.slice(4), `A${sealed.slice(1)}x`, ""];
    for (const text of altered) expect(() => nodeKey.open(text, "signing a")).toThrow(/decrypted/u);
    expect(() => nodeKey.open(sealed, "signing b")).toThrow(/decrypted/u);
    expect(() => SealingKey.random().open(sealed, "signing a")).toThrow(/decrypted/u);
    expect(() => new SealingKey(Buffer.alloc(16))).toThrow(TypeError);
  });
});
