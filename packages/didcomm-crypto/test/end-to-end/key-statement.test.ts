import { didKeyDocument, didKeyOf, publicKeyJwk, verificationMethodsOf } from "@parley/did";
import { describe, expect, it } from "vitest";
import {
  agentKids,
  MAX_STATEMENT_LENGTH,
  peekKeyStatement,
  signKeyStatement,
  verifyKeyStatement,
  type AgentPublicKeys,
  type KeyStatement,
  type PrivateJwk,
} from "../../src/index.ts";
import { generateKey } from "../parties.ts";

const DID = "did:web:alice.example:agent";

interface Keys extends AgentPublicKeys {
  readonly privateKey: PrivateJwk;
}

function createKeys(): Keys {
  const { privateKey } = generateKey(`${DID}#1`, "Ed25519");
  return { signing: privateKey.x, agreement: generateKey(`${DID}#2`, "X25519").privateKey.x, privateKey };
}

function state(keys: Keys, more: Partial<KeyStatement> = {}, by: Keys = keys): string {
  const { signing, agreement } = keys;
  const statement = { did: DID, sequence: 0, signing, agreement, madeAt: 1_700_000_000_000, ...more };
  return signKeyStatement(statement, { kid: agentKids(statement.did, by).signing, privateKey: by.privateKey });
}

describe("a statement about an agent's keys", () => {
  it("proves the possession of its signing key", async () => {
    const keys = createKeys();
    const { signing, agreement } = keys;
    const statement = { did: DID, sequence: 0, signing, agreement, madeAt: 1_700_000_000_000 };
    expect(await verifyKeyStatement(state(keys))).toEqual(statement);
    expect(peekKeyStatement(state(keys))).toEqual(statement);
  });

  it("can be signed with the former key, as a rotation", async () => {
    const [former, next] = [createKeys(), createKeys()];
    const rotation = state(next, { sequence: 1, formerUntil: 1_700_000_100_000 }, former);
    expect(await verifyKeyStatement(rotation, former)).toMatchObject({
      sequence: 1,
      signing: next.signing,
      formerUntil: 1_700_000_100_000,
    });
    await expect(verifyKeyStatement(rotation)).rejects.toMatchObject({ code: "key_not_found" });
    await expect(verifyKeyStatement(rotation, next)).rejects.toMatchObject({ code: "key_not_found" });
  });

  it("is rejected after any change of a member", async () => {
    const keys = createKeys();
    const text = state(keys);
    const envelope = JSON.parse(text) as { payload: string };
    const payload = Buffer.from(envelope.payload, "base64url").toString();
    for (const changed of [
      payload.replace(DID, `${DID}2`),
      payload.replace('"sequence":0', '"sequence":1'),
      payload.replace(keys.agreement, createKeys().agreement),
    ]) {
      expect(changed).not.toBe(payload);
      const forged = JSON.stringify({ ...envelope, payload: Buffer.from(changed).toString("base64url") });
      await expect(verifyKeyStatement(forged)).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:signature_invalid|key_not_found)$/),
      });
    }
  });

  it("names the keys of a did:key only", async () => {
    const keys = createKeys();
    const did = didKeyOf(keys.signing);
    const [method] = verificationMethodsOf(didKeyDocument(did), "keyAgreement");
    const agreement = method === undefined ? "" : publicKeyJwk(method).x;
    expect(await verifyKeyStatement(state({ ...keys, agreement }, { did }))).toMatchObject({ did });
    await expect(verifyKeyStatement(state(keys, { did }))).rejects.toMatchObject({ code: "key_not_found" });
  });

  it.each([
    "",
    "{}",
    "null",
    '{"payload":1}',
    JSON.stringify({ payload: Buffer.from("{}").toString("base64url") }),
    "x".repeat(MAX_STATEMENT_LENGTH + 1),
  ])("is rejected if it is something else: %#", async (text) => {
    expect(() => peekKeyStatement(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(?:plaintext_invalid|too_large)$/) }),
    );
    await expect(verifyKeyStatement(text)).rejects.toMatchObject({ code: expect.stringMatching(/^(?:plaintext_invalid|too_large)$/) });
  });

  it.each<[string, object]>([
    ["a short key", { signing: "AAAA" }],
    ["a negative sequence", { sequence: -1 }],
    ["half a rotation", { sequence: 0.5 }],
  ])("is rejected with %s", async (_what, more) => {
    expect(() => peekKeyStatement(state(createKeys(), more))).toThrow(expect.objectContaining({ code: "plaintext_invalid" }));
  });

  it("has a limit, which a DID can exceed", () => {
    expect(() => state(createKeys(), { did: `did:web:alice.example:${"a".repeat(1500)}` })).toThrow("too long");
  });
});

describe("the ids of an agent's keys", () => {
  it("name the key, so that another key has another id", () => {
    const [one, other] = [agentKids(DID, createKeys()), agentKids(DID, createKeys())];
    expect(one.signing).toMatch(new RegExp(`^${DID}#key-[\\w-]{22}$`));
    expect(new Set([one.signing, one.agreement, other.signing, other.agreement]).size).toBe(4);
  });
});
