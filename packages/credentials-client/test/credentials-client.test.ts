import { rejectionOf, thrownBy } from "@parley/test-assertions";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { CredentialsClient, verifyLocally, type Credential, type CredentialsClientOptions } from "../src/index.ts";
import { API_KEY, bodiesOf, startContractNode } from "./contract-node.ts";
import { expectRestError } from "./expect-rest-error.ts";
import { sendJson, serve, type TestServer } from "./http-server.ts";

const ME = "did:web:node.example:me";
const OTHER = "did:web:node.example:other";
const SUBJECT = { credentialSubject: { id: OTHER, name: "Acme Corp" } };

let node: TestServer;
let credentials: CredentialsClient;

function clientOf(options: Partial<CredentialsClientOptions> = {}): CredentialsClient {
  const client = new CredentialsClient({ nodeUrl: node.origin, apiKey: API_KEY, did: ME, ...options });
  onTestFinished(() => client.close());
  return client;
}

beforeEach(async () => {
  node = await startContractNode();
  credentials = clientOf();
});

describe("credentials", () => {
  it("are signed by the client's DID as compact_jwt, completed with id, issuer, context and type", async () => {
    const signed = await credentials.signCredential(SUBJECT);
    expect(node.seen).toMatchObject([
      {
        method: "POST",
        url: "/api/v1/credentials/sign",
        headers: { "x-api-key": API_KEY, "content-type": "application/json" },
        body: {
          issuer_did: ME,
          format: "compact_jwt",
          credential: { issuer: ME, id: expect.stringMatching(/^urn:uuid:/), type: ["VerifiableCredential"], ...SUBJECT },
        },
      },
    ]);
    expect(signed).toMatch(/^signed\./);
  });

  it("are signed by another DID and in another format on request", async () => {
    for (const format of ["jwt", "json", "enveloped"] as const) await credentials.signCredential(SUBJECT, { issuerDid: OTHER, format });
    const wanted = ["jwt", "json", "enveloped"].map((format) => ({ issuer_did: OTHER, format, credential: { issuer: OTHER } }));
    expect(bodiesOf(node.seen)).toMatchObject(wanted);
  });

  it("are verified for the client's DID, or another", async () => {
    const signed = await credentials.signCredential(SUBJECT);
    const { credential, headers } = await credentials.verifyCredential(signed);
    await credentials.verifyCredential(signed, { verifierDid: OTHER });
    expect(credential).toMatchObject(SUBJECT);
    expect(headers).toEqual({ alg: "EdDSA" });
    expect(bodiesOf(node.seen.slice(1))).toEqual([ME, OTHER].map((did) => ({ signed_credential: signed, verifier_did: did })));
  });

  it("that are invalid fail with the node's own code and message", async () => {
    const error = await rejectionOf(credentials.verifyCredential("forged"));
    expect(error).toMatchObject({
      name: "RestError",
      code: "signature_invalid",
      message: "The signature does not hold",
      status: 422,
      retryable: false,
    });
  });

  it("are stored with issuer and validity, and fetched by id", async () => {
    const stored = await credentials.storeCredential("jwt", { issuerDid: OTHER, validUntil: new Date(0) });
    const wanted = { holderDid: ME, credentialJwt: "jwt", issuerDid: OTHER, validUntil: "1970-01-01T00:00:00.000Z" };
    expect(stored).toEqual({ id: "id/1?", ...wanted });
    expect(await credentials.getCredential(stored.id)).toEqual(stored);
    expect(node.seen.at(-1)?.url).toBe("/api/v1/credentials/id%2F1%3F");
    const plain = await credentials.storeCredential("jwt", { holderDid: OTHER });
    expect(plain).toEqual({ id: "id/2?", holderDid: OTHER, credentialJwt: "jwt" });
  });

  it("are listed over all pages, of one holder", async () => {
    await credentials.storeCredential("other", { holderDid: OTHER });
    for (const jwt of ["a", "b", "c", "d", "e"]) await credentials.storeCredential(jwt);
    const all = await credentials.listCredentials();
    expect(all.map(({ credentialJwt }) => credentialJwt)).toEqual(["a", "b", "c", "d", "e"]);
    expect(node.seen.filter(({ method }) => method === "GET").map(({ url }) => new URL(url, "http://node").search)).toEqual(
      ["", "&cursor=2", "&cursor=4"].map((cursor) => `?holder_did=${encodeURIComponent(ME)}${cursor}`),
    );
    expect(await credentials.listCredentials({ holderDid: OTHER })).toHaveLength(1);
  });

  it("that do not exist are not_found, even if an older node returns no code", async () => {
    const error = await rejectionOf(credentials.getCredential("nowhere"));
    expect(expectRestError(error, "not_found", 404).message).toBe("The credential does not exist");
  });
});

describe("presentations", () => {
  it("are signed by the holder, for a nonce and an audience", async () => {
    await credentials.signPresentation(["a", "b"]);
    await credentials.signPresentation(["a"], { holderDid: OTHER, format: "json", nonce: "n", audience: "did:web:verifier.example" });
    expect(bodiesOf(node.seen)).toEqual([
      { credentials: ["a", "b"], holder_did: ME, format: "compact_jwt" },
      { credentials: ["a"], holder_did: OTHER, format: "json", nonce: "n", audience: "did:web:verifier.example" },
    ]);
  });

  it("are verified with the verifier's nonce", async () => {
    const signed = await credentials.signPresentation(["a"], { nonce: "n" });
    const { presentation, headers } = await credentials.verifyPresentation(signed, { nonce: "n" });
    expect(presentation).toMatchObject({ credentials: ["a"] });
    expect(headers).toEqual({ alg: "EdDSA" });
    expect(await rejectionOf(credentials.verifyPresentation(signed, { verifierDid: OTHER, nonce: "other" }))).toMatchObject({
      code: "nonce_mismatch",
    });
    expect(node.seen.at(-1)?.body).toEqual({ signed_presentation: signed, verifier_did: OTHER, nonce: "other" });
  });
});

describe("a node that is too old to check nonces", () => {
  it("does not make the client accept a presentation with another nonce, or without one", async () => {
    const old = await serve((_, response) => sendJson(response, 200, { presentation: {}, headers: {} }));
    const client = clientOf({ nodeUrl: old.origin });
    const claims = (value: object): string => `e30.${Buffer.from(JSON.stringify(value)).toString("base64url")}.c2ln`;
    expect(await client.verifyPresentation(claims({ nonce: "n" }), { nonce: "n" })).toEqual({ presentation: {}, headers: {} });
    for (const signed of [claims({ nonce: "other" }), claims({}), "e30", "{}"]) {
      expect(await rejectionOf(client.verifyPresentation(signed, { nonce: "n" }))).toMatchObject({ code: "nonce_mismatch" });
    }
  });
});

describe("the DID to act for", () => {
  it("may be a function, called for each call that names no DID", async () => {
    const dids = [ME, OTHER];
    const client = clientOf({ did: () => dids.shift() });
    await client.verifyCredential(await client.signCredential(SUBJECT));
    await client.signCredential(SUBJECT, { issuerDid: "did:web:third.example" });
    expect(bodiesOf(node.seen)).toMatchObject([{ issuer_did: ME }, { verifier_did: OTHER }, { issuer_did: "did:web:third.example" }]);
  });

  it("is required: a call without one is a TypeError", async () => {
    const client = new CredentialsClient({ nodeUrl: node.origin, apiKey: API_KEY });
    const calls: [string, () => Promise<unknown>][] = [
      ["issuerDid", () => client.signCredential(SUBJECT)],
      ["verifierDid", () => client.verifyCredential("x")],
      ["holderDid", () => client.storeCredential("x")],
      ["holderDid", () => client.listCredentials()],
      ["holderDid", () => client.signPresentation([])],
      ["verifierDid", () => client.verifyPresentation("x")],
    ];
    for (const [option, call] of calls) {
      const error = await rejectionOf(call());
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toContain(option);
    }
    expect(node.seen).toEqual([]);
    await client.close();
  });
});

describe("white space around pasted arguments", () => {
  it("is not sent", async () => {
    const client = clientOf({ did: ` ${ME}\n` });
    const signed = await client.signCredential(SUBJECT);
    await client.verifyCredential(`\r\n ${signed} `);
    await client.storeCredential(`${signed}\n`, { holderDid: `${OTHER} ` });
    await client.signPresentation([` ${signed}`, `${signed}\n`]);
    expect(bodiesOf(node.seen).slice(1)).toMatchObject([
      { signed_credential: signed, verifier_did: ME },
      { credential_jwt: signed, holder_did: OTHER },
      { credentials: [signed, signed], holder_did: ME },
    ]);
  });
});

describe("unknown options", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["the client", () => clientOf({ apikey: "k" } as Partial<CredentialsClientOptions>), /Did you mean "apiKey"\?/],
    ["its retries", () => clientOf({ retry: { max_retries: 1 } as object }), /Did you mean "retry\.maxRetries"\?/],
    ["its limits", () => clientOf({ limits: { maxCredential: 1 } as object }), /Did you mean "limits\.maxCredentials"\?/],
    ["its TLS", () => clientOf({ tls: { CA: "x" } as object }), /Did you mean "tls\.ca"\?/],
  ])("of %s are rejected", (_name, make, problem) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(problem);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ["signCredential", () => credentials.signCredential(SUBJECT, { issuer_did: OTHER } as object), /Did you mean "issuerDid"\?/],
    ["signCredential, positional", () => credentials.signCredential(SUBJECT, OTHER as unknown as object), /not a string/],
    ["verifyCredential", () => credentials.verifyCredential("x", { verifier: OTHER } as object), /Valid options: verifierDid, signal/],
    ["storeCredential", () => credentials.storeCredential("x", { valid_until: "x" } as object), /Did you mean "validUntil"\?/],
    ["listCredentials", () => credentials.listCredentials({ holder_did: ME } as object), /Did you mean "holderDid"\?/],
    ["getCredential", () => credentials.getCredential("1", { holderDid: ME } as object), /Unknown option "holderDid"/],
    ["signPresentation", () => credentials.signPresentation(["x"], { nonse: "n" } as object), /Did you mean "nonce"\?/],
    ["verifyPresentation", () => credentials.verifyPresentation("x", { audience: ME } as object), /Unknown option "audience"/],
    ["verifyLocally", () => verifyLocally("x", { resolvers: {} } as object), /Did you mean "resolver"\?/],
  ])("of %s are rejected, and nothing is sent", async (_name, call, problem) => {
    const error = await rejectionOf(call());
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(problem);
    expect(node.seen).toEqual([]);
  });

  it.each([
    [{ issuerDid: OTHER }, /credential\.issuerDid is not a member of credentials: it is an option/],
    [{ valid_until: "2030-01-01T00:00:00Z" }, /credential\.valid_until is not a member of credentials\. Did you mean "validUntil"\?/],
  ])("inside the credential are rejected instead of signed: %j", async (member, problem) => {
    await expect(credentials.signCredential({ ...SUBJECT, ...member })).rejects.toThrow(problem);
    expect(node.seen).toEqual([]);
  });
});

describe("a credential that JSON can't represent", () => {
  it.each<[unknown, RegExp]>([
    [{ id: OTHER, score: Number.NaN }, /A credential can't carry credential\.credentialSubject\.score: it is NaN/],
    [{ id: OTHER, roles: new Set(["welder"]) }, /credentialSubject\.roles: it is a Set: send \[\.\.\.set\]/],
    [{ id: OTHER, salary: 5n }, /a BigInt: send it as text/],
    [{ id: OTHER, since: Date.now }, /a function: send what it returns/],
    [[{ id: OTHER }, { id: ME, photo: new Uint8Array(1) }], /credentialSubject\[1\]\.photo: it is bytes/],
  ])("is rejected instead of signed without the affected members: %#", async (credentialSubject, problem) => {
    await expect(credentials.signCredential({ credentialSubject } as Credential)).rejects.toThrow(problem);
    expect(node.seen).toEqual([]);
  });
});

describe("wrong arguments", () => {
  it("are TypeErrors, and nothing is sent", async () => {
    const wrong = (value: unknown): never => value as never;
    const calls: (() => Promise<unknown>)[] = [
      () => credentials.signCredential(SUBJECT, { issuerDid: "me" }),
      () => credentials.signCredential(SUBJECT, { format: wrong("xml") }),
      () => credentials.signCredential(wrong(undefined)),
      () => credentials.signCredential({ credentialSubject: {}, big: wrong(1n) }),
      () => credentials.verifyCredential(""),
      () => credentials.verifyCredential(wrong({})),
      () => credentials.verifyCredential("x", { verifierDid: wrong(1) }),
      () => credentials.storeCredential("x", { issuerDid: "" }),
      () => credentials.storeCredential("x", { validUntil: "tomorrow" }),
      () => credentials.listCredentials({ holderDid: "" }),
      ...["", ".", "..", "\ud800", 7].map((id) => () => credentials.getCredential(wrong(id))),
      () => credentials.signPresentation(wrong("x")),
      () => credentials.signPresentation([]),
      () => credentials.verifyCredential(" \n"),
      () => credentials.signPresentation(["x", wrong({})]),
      () => credentials.signPresentation(["x"], { nonce: "" }),
      () => credentials.signPresentation(["x"], { audience: wrong([1]) }),
      () => credentials.verifyPresentation("x", { nonce: "" }),
      () => credentials.verifyPresentation(""),
    ];
    for (const call of calls) expect(await rejectionOf(call()), String(call)).toBeInstanceOf(TypeError);
    expect(node.seen).toEqual([]);
  });

  it("name the remedy if there is nothing to present", async () => {
    const error = (await rejectionOf(credentials.signPresentation([]))) as Error;
    expect(error.message).toBe(
      "credentials is empty: give at least one signed credential, such as signCredential or listCredentials returns",
    );
  });

  it.each<Partial<Record<keyof CredentialsClientOptions, unknown>>>([
    { nodeUrl: "node.example" },
    { nodeUrl: undefined },
    { apiKey: "" },
    { apiKey: "new\nline" },
    { did: "me" },
    { timeoutMs: 0 },
    { timeoutMs: 2 ** 31 },
    { maxConnections: 1.5 },
    { headers: { "not a name": "x" } },
    { retry: { maxRetries: -1 } },
    { limits: { maxCredentials: Number.NaN } },
  ])("of the constructor are TypeErrors: %j", (options) => {
    const error = thrownBy(() => clientOf(options as Partial<CredentialsClientOptions>));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).not.toContain("new\nline");
  });
});
