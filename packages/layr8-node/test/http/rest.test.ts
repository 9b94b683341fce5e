import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent } from "../raw-agent.ts";
import { credentialOf, RestClient } from "./rest-client.ts";

const ISSUER = "did:web:localhost:issuer";
const HOLDER = "did:web:localhost:holder";
const VERIFIER = "did:web:localhost:verifier";
const FORMATS = ["compact_jwt", "jwt", "json", "enveloped"];

let node: Layr8Node;
let rest: RestClient;

async function start(options: NodeOptions = {}): Promise<void> {
  await node?.close();
  node = await startNode({ port: 0, logger: false, ...options });
  rest = new RestClient(node);
}

function verifyCredential(signed: string, verifier = VERIFIER): ReturnType<RestClient["post"]> {
  return rest.post("/api/v1/credentials/verify", { signed_credential: signed, verifier_did: verifier });
}

function verifyPresentation(signed: string, more: object = {}): ReturnType<RestClient["post"]> {
  return rest.post("/api/v1/presentations/verify", { signed_presentation: signed, verifier_did: VERIFIER, ...more });
}

beforeEach(() => start());
afterEach(() => node.close());

describe("credentials", () => {
  it.each(FORMATS)("are signed and verified in the format %s", async (format) => {
    const signed = await rest.sign(ISSUER, {}, format);
    const { status, body } = await verifyCredential(signed);
    expect(status).toBe(200);
    expect(body).toMatchObject({ credential: credentialOf(ISSUER), headers: {} });
    const headers = body?.["headers"] as Record<string, string>;
    expect(headers["kid"] ?? headers["verificationMethod"]).toBe(`${ISSUER}#signing`);
  });

  it("are compact JWTs if the format is absent or null", async () => {
    expect(await rest.sign(ISSUER)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const { body } = await rest.post("/api/v1/credentials/sign", { credential: credentialOf(ISSUER), issuer_did: ISSUER, format: null });
    expect(body?.["signed_credential"]).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it("are signed with the key of the issuer's document", async () => {
    const { body } = await verifyCredential(await rest.sign(ISSUER));
    expect(body).toMatchObject({ headers: { alg: "EdDSA", typ: "vc+jwt", kid: `${ISSUER}#signing` } });
  });

  it.each([
    ["with an id that is not a string", { id: 7 }, "id_missing"],
    ["with an issuer that is a number", { issuer: 7 }, "issuer_missing"],
    ["with an issuer whose id is a number", { issuer: { id: 7 } }, "issuer_missing"],
    ["of another issuer", { issuer: HOLDER }, "issuer_mismatch"],
    ["of another issuer that is an object", { issuer: { id: HOLDER } }, "issuer_mismatch"],
    ["with another issuer as issuerDid in them", { issuerDid: HOLDER }, "issuer_mismatch"],
    ["with another issuer as issuer_did in them", { issuer_did: HOLDER, issuer: undefined }, "issuer_mismatch"],
    ["without a type", { type: undefined }, "credential_invalid"],
    ["without a context", { "@context": undefined }, "credential_invalid"],
    ["without a subject", { credentialSubject: undefined }, "credential_invalid"],
  ])("are not signed %s", async (_, more, code) => {
    const { status, body } = await rest.post("/api/v1/credentials/sign", { credential: credentialOf(ISSUER, more), issuer_did: ISSUER });
    expect({ status, code: body?.["code"] }).toEqual({ status: 422, code });
  });

  it.each([
    ["an id", { id: undefined }],
    ["an id, as null", { id: null }],
    ["an id, as an empty text", { id: "" }],
    ["an issuer", { issuer: undefined }],
    ["an issuer, as an empty text", { issuer: "" }],
    ["the id of an issuer", { issuer: { name: "Issuer" } }],
  ])("get what they lack from the node: %s", async (_, more) => {
    const { body } = await verifyCredential(await rest.sign(ISSUER, more));
    const issuer = "issuer" in more && typeof more.issuer === "object" ? { name: "Issuer", id: ISSUER } : ISSUER;
    expect(body).toMatchObject({ credential: { id: expect.stringMatching(/^urn:uuid:[\da-f-]{36}$/) as string, issuer } });
  });

  it("accept an issuer that is an object", async () => {
    const signed = await rest.sign(ISSUER, { issuer: { id: ISSUER, name: "Issuer" } });
    expect(await verifyCredential(signed)).toMatchObject({ status: 200, body: { credential: { issuer: { name: "Issuer" } } } });
  });

  it.each([
    ["expired", { validUntil: "2020-01-01T00:00:00Z" }, "expired"],
    ["of the future", { validFrom: "2999-01-01T00:00:00Z" }, "not_yet_valid"],
  ])("are refused when %s", async (_, more, code) => {
    expect(await verifyCredential(await rest.sign(ISSUER, more))).toMatchObject({ status: 422, body: { code } });
  });

  it("are rejected if one bit of any part is flipped", async () => {
    const signed = await rest.sign(ISSUER);
    const parts = signed.split(".");
    for (const [index, part] of parts.entries()) {
      const bytes = Buffer.from(part, "base64url");
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      const altered = parts.map((text, i) => (i === index ? bytes.toString("base64url") : text)).join(".");
      expect((await verifyCredential(altered)).status).toBe(422);
    }
  });

  it("of a did:key cannot be signed, because the node does not hold that key", async () => {
    const did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    const agent = await RawAgent.join(node, { did });
    const { status, body } = await rest.post("/api/v1/credentials/sign", { credential: credentialOf(did), issuer_did: did });
    expect({ status, code: body?.["code"] }).toEqual({ status: 422, code: "key_not_held" });
    agent.close();
  });
});

describe("presentations", () => {
  it.each(FORMATS)("are signed and verified in the format %s, credentials of every format among them", async (format) => {
    const credentials: string[] = [];
    for (const each of FORMATS) credentials.push(await rest.sign(ISSUER, {}, each));
    const signed = await rest.present(HOLDER, credentials, { format, nonce: "n-1", audience: VERIFIER });
    const { status, body } = await verifyPresentation(signed, { nonce: "n-1" });
    expect({ status, code: body?.["code"] }).toEqual({ status: 200, code: undefined });
    const allOfThem = expect.objectContaining({ length: FORMATS.length }) as unknown;
    expect(body).toMatchObject({ presentation: { holder: HOLDER, verifiableCredential: allOfThem } });
  });

  it("without an audience are accepted by every verifier; with one, by these only", async () => {
    const credentials = [await rest.sign(ISSUER)];
    expect((await verifyPresentation(await rest.present(HOLDER, credentials))).status).toBe(200);
    const forTwo = await rest.present(HOLDER, credentials, { audience: [ISSUER, VERIFIER] });
    expect((await verifyPresentation(forTwo)).status).toBe(200);
    const forAnother = await rest.present(HOLDER, credentials, { audience: ISSUER });
    expect(await verifyPresentation(forAnother)).toMatchObject({ status: 422, body: { code: "audience_mismatch" } });
  });

  it.each(FORMATS)("with a nonce are accepted once per verifier, in the format %s", async (format) => {
    const signed = await rest.present(HOLDER, [await rest.sign(ISSUER)], { nonce: "n-1", format });
    expect((await verifyPresentation(signed, { nonce: "n-1" })).status).toBe(200);
    expect(await verifyPresentation(signed, { nonce: "n-1" })).toMatchObject({ status: 422, body: { code: "nonce_replayed" } });
    expect((await verifyPresentation(signed, { nonce: "n-1", verifier_did: ISSUER })).status).toBe(200);
  });

  it("shown twice at once are accepted once", async () => {
    const signed = await rest.present(HOLDER, [await rest.sign(ISSUER)], { nonce: "n-1" });
    const answers = await Promise.all(Array.from({ length: 8 }, () => verifyPresentation(signed, { nonce: "n-1" })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body?.["code"] === "nonce_replayed")).toHaveLength(7);
  });

  it("need the requested nonce", async () => {
    const credentials = [await rest.sign(ISSUER)];
    const without = await rest.present(HOLDER, credentials);
    expect(await verifyPresentation(without, { nonce: "n" })).toMatchObject({ status: 422, body: { code: "nonce_missing" } });
    const other = await rest.present(HOLDER, credentials, { nonce: "other" });
    expect(await verifyPresentation(other, { nonce: "n" })).toMatchObject({ status: 422, body: { code: "nonce_mismatch" } });
  });

  it("with a nonce are rejected if they are older than the nonce window", async () => {
    await start({ limits: { nonceWindowMs: 1 } });
    const signed = await rest.present(HOLDER, [await rest.sign(ISSUER)], { nonce: "n" });
    // `iat` is in whole seconds, so it lies in the past by now.
    await expect
      .poll(() => verifyPresentation(signed, { nonce: "n" }))
      .toMatchObject({ status: 422, body: { code: "presentation_not_recent" } });
  });

  it("are rejected when the limit of nonces is reached", async () => {
    await start({ limits: { maxNonces: 1 } });
    const credentials = [await rest.sign(ISSUER)];
    expect((await verifyPresentation(await rest.present(HOLDER, credentials, { nonce: "1" }), { nonce: "1" })).status).toBe(200);
    const { status, body, headers } = await verifyPresentation(await rest.present(HOLDER, credentials, { nonce: "2" }), { nonce: "2" });
    expect({ status, code: body?.["code"], retryAfter: headers.get("retry-after") }).toEqual({
      status: 503,
      code: "busy",
      retryAfter: "1",
    });
  });
});

describe("stored credentials", () => {
  it("are returned as stored, with their issuer and expiry", async () => {
    const signed = await rest.sign(ISSUER, { validUntil: "2999-01-01T00:00:00Z" });
    const { status, body } = await rest.post("/api/v1/credentials", { holder_did: HOLDER, credential_jwt: signed, extra: 1 });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      holder_did: HOLDER,
      credential_jwt: signed,
      issuer_did: ISSUER,
      valid_until: "2999-01-01T00:00:00Z",
    });
    expect((await rest.get(`/api/v1/credentials/${String(body?.["id"])}`)).body).toEqual(body);
    expect((await rest.get(`/api/v1/credentials?holder_did=${HOLDER}`)).body).toEqual({ credentials: [body] });
    expect((await rest.get(`/api/v1/credentials?holder_did=${ISSUER}`)).body).toEqual({ credentials: [] });
  });

  it("are stored and verified without surrounding white space", async () => {
    const signed = await rest.sign(ISSUER);
    const pasted = `\n  ${signed}\r\n`;
    const { status, body } = await rest.post("/api/v1/credentials", { holder_did: ` ${HOLDER}\n`, credential_jwt: pasted });
    expect({ status, body }).toMatchObject({ status: 201, body: { holder_did: HOLDER, credential_jwt: signed } });
    expect((await verifyCredential(pasted)).status).toBe(200);
    const presented = await rest.present(HOLDER, [pasted], { nonce: "pasted", audience: VERIFIER });
    expect((await verifyPresentation(`\t${presented}\n`, { nonce: "pasted" })).status).toBe(200);
    expect((await verifyPresentation(presented, { nonce: "pasted" })).body).toMatchObject({ code: "nonce_replayed" });
  });

  it.each(FORMATS)("may have the format %s", async (format) => {
    const signed = await rest.sign(ISSUER, { validUntil: "2999-01-01T00:00:00Z" }, format);
    const { status, body } = await rest.post("/api/v1/credentials", { holder_did: HOLDER, credential_jwt: signed });
    expect({ status, body }).toMatchObject({ status: 201, body: { issuer_did: ISSUER, valid_until: "2999-01-01T00:00:00Z" } });
  });

  it("are checked against the holder's statements", async () => {
    const signed = await rest.sign(ISSUER, { validUntil: "2999-01-01T00:00:00Z" });
    const store = (more: object) => rest.post("/api/v1/credentials", { holder_did: HOLDER, credential_jwt: signed, ...more });
    expect((await store({ issuer_did: ISSUER, valid_until: "2999-01-01T01:00:00+01:00" })).status).toBe(201);
    expect((await store({ issuer_did: null, valid_until: null })).status).toBe(201);
    expect(await store({ issuer_did: HOLDER })).toMatchObject({ status: 422, body: { code: "issuer_mismatch" } });
    expect(await store({ valid_until: "2999-01-02T00:00:00Z" })).toMatchObject({ status: 422, body: { code: "valid_until_mismatch" } });
    const endless = await rest.sign(ISSUER);
    expect(await store({ credential_jwt: endless, valid_until: "2030-01-01T00:00:00Z" })).toMatchObject({
      status: 201,
      body: { valid_until: "2030-01-01T00:00:00Z" },
    });
  });

  it("are unknown after their deletion", async () => {
    const id = await rest.store(HOLDER, await rest.sign(ISSUER));
    expect(await rest.delete(`/api/v1/credentials/${id}`)).toMatchObject({ status: 204, body: undefined });
    expect(await rest.delete(`/api/v1/credentials/${id}`)).toMatchObject({ status: 404, body: { code: "credential_unknown" } });
    expect(await rest.get(`/api/v1/credentials/${id}`)).toMatchObject({ status: 404, body: { code: "credential_unknown" } });
  });

  it("are limited in number and size", async () => {
    await start({ limits: { maxCredentialsPerHolder: 2, maxCredentialBytes: 2000 } });
    const signed = await rest.sign(ISSUER);
    await rest.store(HOLDER, signed);
    const id = await rest.store(HOLDER, signed);
    const store = (credential: string) => rest.post("/api/v1/credentials", { holder_did: HOLDER, credential_jwt: credential });
    expect(await store(signed)).toMatchObject({ status: 422, body: { code: "wallet_full" } });
    await rest.delete(`/api/v1/credentials/${id}`);
    expect((await store(signed)).status).toBe(201);
    const large = await rest.sign(ISSUER, { name: "x".repeat(2000) });
    expect(await store(large)).toMatchObject({ status: 413, body: { code: "too_large" } });
  });

  it("are listed in pages with a cursor to the next one", async () => {
    const signed = await rest.sign(ISSUER);
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push(await rest.store(HOLDER, signed));
    const seen: string[] = [];
    let cursor = "";
    for (;;) {
      const { body } = await rest.get(`/api/v1/credentials?holder_did=${HOLDER}&limit=2${cursor}`);
      const { credentials, next } = body as unknown as { credentials: { id: string }[]; next?: string };
      expect(credentials.length).toBeLessThanOrEqual(2);
      seen.push(...credentials.map(({ id }) => id));
      if (next === undefined) break;
      cursor = `&cursor=${next}`;
    }
    expect(seen).toEqual(ids);
  });

  it("of an ephemeral DID are removed with it", async () => {
    await start({ limits: { ephemeralGraceMs: 1 } });
    const agent = await RawAgent.join(node, {});
    const id = await rest.store(agent.did, await rest.sign(ISSUER));
    expect((await rest.get(`/api/v1/credentials/${id}`)).status).toBe(200);
    agent.close();
    await expect.poll(async () => (await rest.get(`/api/v1/credentials/${id}`)).status).toBe(404);
  });
});

it("logs neither keys nor tokens nor credentials, at any level", async () => {
  const lines: string[] = [];
  await start({ logger: pino({ level: "trace" }, { write: (line: string) => void lines.push(line) }) });
  const { key } = await node.createApiKey({ dids: [] });
  const signed = await rest.sign(ISSUER, { name: "a name in the credential" });
  await rest.store(HOLDER, signed);
  const presentation = await rest.present(HOLDER, [signed], { nonce: "a nonce" });
  await verifyPresentation(presentation, { nonce: "a nonce" });
  await verifyPresentation(presentation, { nonce: "a nonce" });
  await verifyCredential(`${signed}x`);
  await new RestClient(node, key).post("/api/v1/credentials", { holder_did: HOLDER, credential_jwt: signed });
  await new RestClient(node, "an unknown key").get("/api/v1/credentials");
  await rest.send("POST", "/api/v1/credentials/sign", `{"credential": "${signed}"`);
  await node.close();
  const log = lines.join("");
  expect(log).toContain("listening");
  for (const secret of [node.apiKey ?? "none", key, "nobody has", signed, presentation, "a name in the credential", "a nonce"]) {
    expect(log).not.toContain(secret);
  }
});

describe("limits", () => {
  it("rejects an API key that exceeds its rate, and no other", async () => {
    stopClock();
    await start({ limits: { requestsPerSecond: 3 } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => rest.get(`/api/v1/credentials?holder_did=${HOLDER}`)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(9);
    expect(refused[0]).toMatchObject({ body: { code: "rate_limited" } });
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    const { key } = await node.createApiKey({ dids: "any" });
    expect((await new RestClient(node, key).get(`/api/v1/credentials?holder_did=${HOLDER}`)).status).toBe(200);
  });

  it("signs, stores and verifies concurrently", async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, async () => rest.store(HOLDER, await rest.sign(ISSUER))));
    expect(new Set(ids).size).toBe(30);
    const { body } = await rest.get(`/api/v1/credentials?holder_did=${HOLDER}`);
    expect(body?.["credentials"]).toHaveLength(30);
  });

  it("counts requests by route and status, never by path", async () => {
    await rest.get("/api/v1/credentials/11111111-1111-4111-8111-111111111111");
    await new RestClient(node, "an unknown key").get("/api/v1/credentials/x");
    const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(text).toContain('layr8_node_rest_requests_total{method="GET",route="/api/v1/credentials/:id",status="404"} 1');
    expect(text).toContain('layr8_node_rest_requests_total{method="GET",route="/api/v1/credentials/:id",status="401"} 1');
    expect(text).not.toContain("11111111");
  });
});
