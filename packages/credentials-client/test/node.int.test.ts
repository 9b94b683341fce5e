import type { JsonObject } from "@parley/core";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { rejectionOf } from "@parley/test-assertions";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CredentialsClient, decodeCredential, decodePresentation, verifyLocally, type CredentialFormat } from "../src/index.ts";

const FORMATS: readonly CredentialFormat[] = ["compact_jwt", "jwt", "json", "enveloped"];
const KEY = "key-of-alice-0123456789";
const OTHERS_KEY = "key-of-mallory-0123456789";
const SUBJECT = { id: "did:web:partner.example:agent", name: "Acme Corp" };

let node: Layr8Node;
let alice: string;
let bob: string;
let credentials: CredentialsClient;

function clientOf(apiKey: string, did: string): CredentialsClient {
  return new CredentialsClient({ nodeUrl: node.url, apiKey, did });
}

/** Verification without trusting the node, from the DID documents that it serves. */
function locally(signed: string, options: { nonce?: string; audience?: string } = {}): ReturnType<typeof verifyLocally> {
  return verifyLocally(signed, { ...options, resolution: { httpForLoopback: true, allow: ["loopback"] } });
}

beforeAll(async () => {
  node = await startNode({
    port: 0,
    logger: false,
    apiKeys: [
      { key: KEY, dids: "any" },
      { key: OTHERS_KEY, dids: ["did:web:mallory.example:*"] },
    ],
  });
  alice = `did:web:localhost%3A${node.port}:alice`;
  bob = `did:web:localhost%3A${node.port}:bob`;
  credentials = clientOf(KEY, alice);
});

afterAll(async () => {
  await credentials.close();
  await node.close();
});

describe("a revocable credential, at a node", () => {
  it.each(FORMATS)("in the format %s is suspended, resumed and revoked; verifyLocally sees it over HTTP", async (format) => {
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT }, { format, revocable: true });
    const other = await credentials.signCredential({ credentialSubject: SUBJECT }, { format, revocable: true });
    expect(await locally(signed)).toMatchObject({ kind: "credential", issuer: alice });
    await credentials.setCredentialStatus(signed, "suspended");
    expect(await rejectionOf(locally(signed))).toMatchObject({ name: "VcError", code: "suspended" });
    await credentials.setCredentialStatus(` ${signed}\n`, "valid");
    expect(await locally(signed)).toMatchObject({ kind: "credential", issuer: alice });
    const { credentialStatus } = decodeCredential(signed).credential;
    await credentials.setCredentialStatus(credentialStatus as JsonObject[], "revoked");
    expect(await rejectionOf(locally(signed))).toMatchObject({ name: "VcError", code: "revoked" });
    expect(await rejectionOf(credentials.verifyCredential(signed))).toMatchObject({ name: "RestError", status: 422, code: "revoked" });
    const again = credentials.setCredentialStatus(signed, "valid");
    expect(await rejectionOf(again)).toMatchObject({ name: "RestError", status: 409, code: "status_final", retryable: false });
    expect(await locally(other)).toMatchObject({ kind: "credential", issuer: alice });
    const presentation = await credentials.signPresentation([other, signed], { nonce: format, audience: bob });
    const error = await rejectionOf(locally(presentation, { nonce: format, audience: bob }));
    expect(error).toMatchObject({ code: "revoked", credentialIndex: 1 });
  });

  it("is revoked by its issuer only", async () => {
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT }, { revocable: true });
    const mallory = clientOf(OTHERS_KEY, "did:web:mallory.example:m");
    expect(await rejectionOf(mallory.setCredentialStatus(signed, "revoked"))).toMatchObject({ code: "issuer_mismatch" });
    expect(await rejectionOf(mallory.setCredentialStatus(signed, "revoked", { issuerDid: alice }))).toMatchObject({ status: 403 });
    await mallory.close();
    expect(await locally(signed)).toMatchObject({ kind: "credential" });
    const plain = await credentials.signCredential({ credentialSubject: SUBJECT });
    expect(await rejectionOf(credentials.setCredentialStatus(plain, "revoked"))).toMatchObject({ status: 404, code: "status_unknown" });
  });

  it("needs a known status, and a credential", async () => {
    for (const call of [
      () => credentials.setCredentialStatus("x", "lost" as never),
      () => credentials.setCredentialStatus("", "revoked"),
      () => credentials.setCredentialStatus(null as never, "revoked"),
      () => credentials.setCredentialStatus("x", "revoked", { issuer: alice } as never),
      () => credentials.signCredential({ credentialSubject: SUBJECT }, { revocable: "yes" as never }),
    ]) {
      expect(await rejectionOf(call())).toBeInstanceOf(TypeError);
    }
  });
});

describe.each(FORMATS)("with a node, in the format %s", (format) => {
  it("a credential is signed, verified by node and client, stored, listed and fetched", async () => {
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT }, { format });
    expect(decodeCredential(signed)).toMatchObject({ format, credential: { issuer: alice, credentialSubject: SUBJECT } });

    const { credential, headers } = await credentials.verifyCredential(signed, { verifierDid: bob });
    expect(credential).toMatchObject({ issuer: alice, credentialSubject: SUBJECT });
    expect(headers).not.toEqual({});
    expect(await locally(signed)).toMatchObject({ kind: "credential", format, issuer: alice, credential });

    const stored = await credentials.storeCredential(signed);
    expect(stored).toMatchObject({ holderDid: alice, credentialJwt: signed, issuerDid: alice });
    expect(await credentials.getCredential(stored.id)).toEqual(stored);
    expect(await credentials.listCredentials()).toContainEqual(stored);
  });

  it("a presentation is signed for a nonce and an audience, and verified by node and client", async () => {
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT }, { format });
    const nonce = `nonce-of-${format}`;
    const presentation = await credentials.signPresentation([signed], { format, nonce, audience: bob });
    expect(decodePresentation(presentation)).toMatchObject({ format, presentation: { holder: alice } });

    expect(await locally(presentation, { nonce, audience: bob })).toMatchObject({
      kind: "presentation",
      holder: alice,
      credentials: [{ issuer: alice, credential: { credentialSubject: SUBJECT } }],
    });
    expect(await rejectionOf(locally(presentation, { nonce: "other", audience: bob }))).toMatchObject({ code: "nonce_mismatch" });
    expect(await rejectionOf(locally(presentation, { nonce, audience: alice }))).toMatchObject({ code: "audience_mismatch" });

    const verified = await credentials.verifyPresentation(presentation, { verifierDid: bob, nonce });
    expect(verified.presentation).toMatchObject({ holder: alice });
    const again = credentials.verifyPresentation(presentation, { verifierDid: bob, nonce });
    expect(await rejectionOf(again)).toMatchObject({ name: "RestError", status: 422, code: "nonce_replayed" });
    const elsewhere = credentials.verifyPresentation(presentation, { verifierDid: alice });
    expect(await rejectionOf(elsewhere)).toMatchObject({ name: "RestError", status: 422, code: "audience_mismatch" });
  });

  it("a tampered or expired credential is rejected by node and client", async () => {
    const ended = await credentials.signCredential({ credentialSubject: SUBJECT, validUntil: "2020-01-01T00:00:00Z" }, { format });
    expect(await rejectionOf(credentials.verifyCredential(ended))).toMatchObject({ name: "RestError", status: 422, code: "expired" });
    expect(await rejectionOf(locally(ended))).toMatchObject({ name: "VcError", code: "expired" });

    const signed = await credentials.signCredential({ credentialSubject: SUBJECT }, { format });
    const forged = format === "json" ? signed.replace("Acme", "Evil") : changedSignature(signed);
    expect(forged).not.toBe(signed);
    expect(await rejectionOf(credentials.verifyCredential(forged))).toMatchObject({
      name: "RestError",
      status: 422,
      code: "signature_invalid",
    });
    expect(await rejectionOf(locally(forged))).toMatchObject({ name: "VcError", code: "signature_invalid" });
  });
});

describe("with a node", () => {
  it("a credential keeps the caller's members", async () => {
    const validUntil = new Date("2099-01-02T03:04:05Z");
    const id = "https://issuer.example/credentials/1";
    const signed = await credentials.signCredential({ id, type: "MembershipCredential", validUntil, credentialSubject: SUBJECT });
    expect(decodeCredential(signed).credential).toMatchObject({ id, type: ["VerifiableCredential", "MembershipCredential"] });
    const stored = await credentials.storeCredential(signed, { holderDid: bob, issuerDid: alice, validUntil });
    expect(stored).toMatchObject({ holderDid: bob, issuerDid: alice, validUntil: validUntil.toISOString() });
    const contradiction = credentials.storeCredential(signed, { issuerDid: bob });
    expect(await rejectionOf(contradiction)).toMatchObject({ status: 422, code: "issuer_mismatch" });
  });

  it("a wallet of several pages is listed completely", async () => {
    const carol = `did:web:localhost%3A${node.port}:carol`;
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT });
    const ids: string[] = [];
    for (let i = 0; i < 120; i += 1) ids.push((await credentials.storeCredential(signed, { holderDid: carol })).id);
    const listed = await credentials.listCredentials({ holderDid: carol });
    expect(listed.map(({ id }) => id)).toEqual(ids);
  });

  it("another owner's API key has no access", async () => {
    const mallory = clientOf(OTHERS_KEY, "did:web:mallory.example:agent");
    const signed = await credentials.signCredential({ credentialSubject: SUBJECT });
    const { id } = await credentials.storeCredential(signed);
    const asAlice: [() => Promise<unknown>, number, string][] = [
      [() => mallory.signCredential({ credentialSubject: SUBJECT }, { issuerDid: alice }), 403, "did_not_allowed"],
      [() => mallory.verifyCredential(signed, { verifierDid: alice }), 403, "did_not_allowed"],
      [() => mallory.storeCredential(signed, { holderDid: alice }), 403, "did_not_allowed"],
      [() => mallory.listCredentials({ holderDid: alice }), 403, "did_not_allowed"],
      [() => mallory.getCredential(id), 404, "credential_unknown"],
      [() => mallory.signPresentation([signed], { holderDid: alice }), 403, "did_not_allowed"],
      [() => mallory.verifyPresentation(signed, { verifierDid: alice }), 403, "did_not_allowed"],
    ];
    for (const [call, status, code] of asAlice) expect(await rejectionOf(call())).toMatchObject({ name: "RestError", status, code });
    await mallory.close();
  });

  it("an unknown API key is unauthorized, and not in the error", async () => {
    const nobody = clientOf("key-of-nobody-0123456789", alice);
    const error = (await rejectionOf(nobody.listCredentials())) as Error;
    expect(error).toMatchObject({ name: "RestError", status: 401, code: "unauthorized", retryable: false });
    expect(error.message).not.toContain("key-of-nobody");
    await nobody.close();
  });

  it("subdomains of localhost reach it", async () => {
    const client = new CredentialsClient({
      nodeUrl: `ws://alice-test.localhost:${node.port}/plugin_socket/websocket`,
      apiKey: KEY,
      did: alice,
    });
    expect(await client.listCredentials({ holderDid: bob })).toEqual(await credentials.listCredentials({ holderDid: bob }));
    await client.close();
  });

  it("a malformed request is rejected with a code", async () => {
    expect(await rejectionOf(credentials.verifyCredential("rubbish"))).toMatchObject({ status: 422, code: "malformed" });
    expect(await rejectionOf(credentials.storeCredential("rubbish"))).toMatchObject({ status: 422, code: "malformed" });
    expect(await rejectionOf(credentials.signPresentation(["rubbish"]))).toMatchObject({ status: 422, code: "malformed" });
    expect(await rejectionOf(credentials.verifyPresentation("rubbish"))).toMatchObject({ status: 422, code: "malformed" });
    expect(await rejectionOf(credentials.getCredential("../keys"))).toMatchObject({ status: 404, code: "credential_unknown" });
    const huge = { credentialSubject: { ...SUBJECT, note: "x".repeat(2 << 20) } };
    expect(await rejectionOf(credentials.signCredential(huge))).toMatchObject({ status: 413, code: "too_large" });
  });
});

/** Changes the first character of the signature of a JWS, alone or in an envelope. */
function changedSignature(signed: string): string {
  return signed.replace(/\.([\w-])(?=[\w-]*(?:$|"))/, (_, first: string) => `.${first === "A" ? "B" : "A"}`);
}
