import { createPrivateKey, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { createDidResolver, didKeyMethod } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { BitstringStatusList, signCredential, signPresentation, type CredentialFormat, type SigningKey } from "@parley/vc";
import { beforeEach, describe, expect, it } from "vitest";
import { verifyLocally, type ResolutionOptions } from "../src/index.ts";
import { serve, type TestServer } from "./http-server.ts";

const ISSUER = "did:web:issuer.example:issuer";
const HOLDER = "did:web:issuer.example:holder";
const LIST = "https://issuer.example/status/1";
const FORMATS: readonly CredentialFormat[] = ["compact_jwt", "jwt", "json", "enveloped"];

interface Party {
  readonly key: SigningKey;
  readonly document: object;
}

let issuer: Party;
let holder: Party;
let statusList: BitstringStatusList;
let host: TestServer;
let resolution: ResolutionOptions;

function partyOf(did: string): Party {
  // Asked for in the call: exporting a generated key later can block Node 20 for ever.
  const { publicKey, privateKey } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { format: "jwk" },
    privateKeyEncoding: { format: "jwk" },
  } as never) as unknown as { publicKey: JsonWebKey; privateKey: JsonWebKey };
  const id = `${did}#signing`;
  const verificationMethod = [{ id, type: "JsonWebKey2020", controller: did, publicKeyJwk: publicKey }];
  return {
    key: { kid: id, privateKey: createPrivateKey({ key: privateKey, format: "jwk" }) },
    document: { id: did, verificationMethod, assertionMethod: [id], authentication: [id] },
  };
}

const issue = (format: CredentialFormat = "compact_jwt", more: object = {}): Promise<string> =>
  signCredential(
    {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
      type: ["VerifiableCredential"],
      issuer: ISSUER,
      credentialSubject: { id: HOLDER, name: "Acme Corp" },
      ...more,
    },
    { key: issuer.key, format },
  );

const present = async (format: CredentialFormat = "compact_jwt", more: { nonce?: string; audience?: string } = {}): Promise<string> =>
  signPresentation([await issue(format)], { holder: HOLDER, key: holder.key, format, ...more });

beforeEach(async () => {
  issuer = partyOf(ISSUER);
  holder = partyOf(HOLDER);
  statusList = BitstringStatusList.create({ id: LIST, statusPurpose: "revocation" });
  const pages: Record<string, () => Promise<string>> = {
    "/issuer/did.json": async () => JSON.stringify(issuer.document),
    "/holder/did.json": async () => JSON.stringify(holder.document),
    "/status/1": async () => signCredential(await statusList.toCredential({ issuer: ISSUER }), { key: issuer.key }),
  };
  host = await serve(({ url }, response) => {
    const page = pages[url];
    if (page === undefined) return response.writeHead(404).end();
    return page().then((text) => response.setHeader("content-type", "application/json").end(text));
  });
  resolution = { hosts: { "issuer.example": host.origin } };
});

describe.each(FORMATS)("verifyLocally, of the format %s", (format) => {
  it("verifies a credential with the key in its issuer's document", async () => {
    expect(await verifyLocally(await issue(format), { resolution })).toMatchObject({
      kind: "credential",
      format,
      issuer: ISSUER,
      credential: { credentialSubject: { name: "Acme Corp" } },
    });
    expect(host.seen.map(({ url }) => url)).toEqual(["/issuer/did.json"]);
  });

  it("verifies a presentation and its credentials", async () => {
    const signed = await present(format, { nonce: "n", audience: "did:web:verifier.example" });
    const options = { resolution, nonce: "n", audience: "did:web:verifier.example" };
    expect(await verifyLocally(signed, options)).toMatchObject({
      kind: "presentation",
      format,
      holder: HOLDER,
      credentials: [{ issuer: ISSUER }],
    });
    expect(await verifyLocally(`\uFEFF\n ${signed}\r\n`, options)).toMatchObject({ kind: "presentation", holder: HOLDER });
    expect(await rejectionOf(verifyLocally(signed, { ...options, nonce: "m" }))).toMatchObject({ code: "nonce_mismatch" });
    expect(await rejectionOf(verifyLocally(signed, { ...options, audience: HOLDER }))).toMatchObject({ code: "audience_mismatch" });
  });

  it("rejects a signature of another key", async () => {
    const signed = await issue(format);
    issuer = { ...partyOf(ISSUER), key: issuer.key };
    expect(await rejectionOf(verifyLocally(signed, { resolution }))).toMatchObject({ name: "VcError", code: "signature_invalid" });
  });

  it("rejects a credential if a nonce is expected", async () => {
    const error = await rejectionOf(verifyLocally(await issue(format), { resolution, nonce: "n" }));
    expect(error).toMatchObject({ name: "VcError" });
  });
});

describe("verifyLocally", () => {
  const status = {
    id: `${LIST}#7`,
    type: "BitstringStatusListEntry",
    statusPurpose: "revocation",
    statusListIndex: "7",
    statusListCredential: LIST,
  };

  it("checks the status list for revocation", async () => {
    const signed = await issue("compact_jwt", { credentialStatus: status });
    expect(await verifyLocally(signed, { resolution })).toMatchObject({ kind: "credential" });
    statusList.set(7, true);
    expect(await rejectionOf(verifyLocally(signed, { resolution }))).toMatchObject({ name: "VcError", code: "revoked" });
    expect(await verifyLocally(signed, { resolution, status: "ignore" })).toMatchObject({ kind: "credential" });
  });

  it("rejects a credential whose status can't be fetched", async () => {
    const elsewhere = { ...status, statusListCredential: "https://issuer.example/status/2" };
    const signed = await issue("compact_jwt", { credentialStatus: elsewhere });
    expect(await rejectionOf(verifyLocally(signed, { resolution }))).toMatchObject({ name: "VcError", code: "status_unavailable" });
  });

  it("connects to public addresses only, unless others are allowed", async () => {
    const did = `did:web:localhost%3A${host.port}:issuer`;
    const local = partyOf(did);
    issuer = local;
    const signed = await issue("compact_jwt", { issuer: did });
    expect(await rejectionOf(verifyLocally(signed))).toMatchObject({ name: "VcError", code: "resolution_failed" });
    expect(host.seen).toEqual([]);
    const lenient: ResolutionOptions = { httpForLoopback: true, allow: ["loopback"] };
    expect(await verifyLocally(signed, { resolution: lenient })).toMatchObject({ kind: "credential", issuer: did });
  });

  it("uses the given resolver", async () => {
    const resolver = createDidResolver({ methods: didKeyMethod() });
    expect(await rejectionOf(verifyLocally(await issue(), { resolver, resolution }))).toMatchObject({ code: "resolution_failed" });
    expect(host.seen).toEqual([]);
  });

  it("stops when its signal is aborted, with its reason", async () => {
    const reason = new Error("never mind");
    expect(await rejectionOf(verifyLocally(await issue(), { resolution, signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  it.each(["", "rubbish", "{}", "a.b.c", "[".repeat(100_000), "{".repeat(100_000)])("rejects %.20s with a code", async (signed) => {
    expect(await rejectionOf(verifyLocally(signed))).toMatchObject({ name: "VcError" });
  });

  it("accepts strings only", async () => {
    expect(await rejectionOf(verifyLocally({} as never))).toBeInstanceOf(TypeError);
  });
});
