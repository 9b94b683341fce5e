import { join } from "node:path";
import type { JsonObject } from "@parley/core";
import { createDidResolver, didWebMethod } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { rejectionOf, temporaryDirectory } from "@parley/test-assertions";
import { createStatusListFetch, decodeCredential, verifyCredential } from "@parley/vc";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { restoreNode } from "../../src/backup.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { credentialOf, RestClient } from "./rest-client.ts";

const OTHERS_KEY = "key-of-someone-else-0123456789";

let node: Layr8Node;
let rest: RestClient;
let issuer: string;

beforeAll(async () => {
  node = await startNode({
    port: 0,
    logger: false,
    apiKeys: [
      { key: "key-of-the-issuer-0123456789", dids: "any" },
      { key: OTHERS_KEY, dids: ["did:web:other.example:*"] },
    ],
  });
  rest = new RestClient(node, "key-of-the-issuer-0123456789");
  issuer = `did:web:localhost%3A${node.port}:issuer`;
});
afterAll(() => node.close());

async function sign(format?: string, more: JsonObject = {}): Promise<string> {
  const body = { credential: credentialOf(issuer, more), issuer_did: issuer, format, revocable: true };
  const answer = await rest.post("/api/v1/credentials/sign", body);
  expect(answer.status).toBe(200);
  return String(answer.body?.["signed_credential"]);
}

function setStatus(signed: string, status: string, more: object = {}, client = rest): ReturnType<RestClient["post"]> {
  return client.post("/api/v1/credentials/status", { issuer_did: issuer, signed_credential: signed, status, ...more });
}

function statusOf(signed: string): readonly JsonObject[] {
  return decodeCredential(signed).credential["credentialStatus"] as readonly JsonObject[];
}

/** Verifies as a stranger does: with the DID document and the status lists that the node serves. */
async function verify(signed: string): Promise<string> {
  const fetch = createNodeFetch({ allow: ["loopback"] });
  const resolver = createDidResolver({ methods: didWebMethod({ fetch, httpForLoopback: true }) });
  const status = createStatusListFetch({ fetch, httpForLoopback: true });
  try {
    await verifyCredential(signed, { resolver, status });
    return "valid";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function verifyHere(signed: string): Promise<unknown> {
  const { status, body } = await rest.post("/api/v1/credentials/verify", { signed_credential: signed, verifier_did: issuer });
  return status === 200 ? "valid" : body?.["code"];
}

describe("a revocable credential", () => {
  it.each(["compact_jwt", "jwt", "json", "enveloped"])(
    "in the format %s is valid until its issuer suspends or revokes it",
    async (format) => {
      const signed = await sign(format);
      const other = await sign(format);
      for (const [state, expected] of [
        ["valid", "valid"],
        ["suspended", "suspended"],
        ["valid", "valid"],
        ["suspended", "suspended"],
        ["revoked", "revoked"],
      ] as const) {
        expect(await setStatus(signed, state)).toMatchObject({ status: 200, body: { status: state } });
        expect([await verify(signed), await verifyHere(signed)]).toEqual([expected, expected]);
        expect([await verify(other), await verifyHere(other)]).toEqual(["valid", "valid"]);
      }
      expect(await setStatus(signed, "valid")).toMatchObject({ status: 409, body: { code: "status_final" } });
      expect(await verify(signed)).toBe("revoked");
    },
  );

  it("has an entry for each purpose, beside those that it had", async () => {
    const own = {
      type: "BitstringStatusListEntry",
      statusPurpose: "refresh",
      statusListIndex: "1",
      statusListCredential: "https://a.example/1",
    };
    const entries = statusOf(await sign("compact_jwt", { credentialStatus: own }));
    expect(entries.map((entry) => entry["statusPurpose"])).toEqual(["refresh", "revocation", "suspension"]);
    expect(entries[1]?.["statusListIndex"]).toBe(entries[2]?.["statusListIndex"]);
    const origin = `http://localhost:${node.port}/status-lists/`;
    for (const entry of entries.slice(1)) expect(String(entry["statusListCredential"]).startsWith(origin)).toBe(true);
  });

  it("can be revoked by its credentialStatus, so that issuers need not keep it", async () => {
    const signed = await sign();
    const more = { signed_credential: undefined, credential_status: statusOf(signed) };
    expect((await setStatus("", "revoked", more)).status).toBe(200);
    expect(await verify(signed)).toBe("revoked");
    const [entry] = statusOf(await sign());
    expect((await setStatus("", "suspended", { signed_credential: null, credential_status: entry })).status).toBe(200);
  });

  it("is revoked only by API keys of its issuer, and only if the issuer signed it", async () => {
    const signed = await sign();
    const others = new RestClient(node, OTHERS_KEY);
    expect(await setStatus(signed, "revoked", {}, others)).toMatchObject({ status: 403, body: { code: "did_not_allowed" } });
    const elsewhere = "did:web:other.example:issuer";
    const asOther = { issuer_did: elsewhere };
    expect(await setStatus(signed, "revoked", asOther, others)).toMatchObject({ status: 422, body: { code: "issuer_mismatch" } });
    const byEntry = { ...asOther, signed_credential: undefined, credential_status: statusOf(signed) };
    expect(await setStatus("", "revoked", byEntry, others)).toMatchObject({ status: 404, body: { code: "status_unknown" } });
    const [header, , signature] = signed.split(".");
    const payload = Buffer.from(JSON.stringify({ ...credentialOf(issuer), credentialStatus: statusOf(signed) })).toString("base64url");
    const forged = await setStatus([header, payload, signature].join("."), "revoked");
    expect(forged).toMatchObject({ status: 422, body: { code: "signature_invalid" } });
    expect(await verify(signed)).toBe("valid");
  });

  it.each<[string, object, number, string]>([
    ["without a credential", { signed_credential: undefined }, 400, "malformed_request"],
    ["with both forms of a credential", { credential_status: {} }, 400, "malformed_request"],
    ["with an unknown status", { status: "lost" }, 400, "malformed_request"],
    ["of no status list", { signed_credential: undefined, credential_status: { type: "x" } }, 404, "status_unknown"],
    [
      "of lists that do not exist",
      { signed_credential: undefined, credential_status: entryAt("A".repeat(22), "1") },
      404,
      "status_unknown",
    ],
    [
      "with an index that is not a number",
      { signed_credential: undefined, credential_status: entryAt("A".repeat(22), "x") },
      404,
      "status_unknown",
    ],
  ])("is not changed %s", async (_, more, status, code) => {
    expect(await setStatus(await sign(), "revoked", more)).toMatchObject({ status, body: { code } });
  });

  it("of two places is not changed", async () => {
    const [one, two] = [statusOf(await sign())[0], statusOf(await sign())[0]];
    const more = { signed_credential: undefined, credential_status: [one, two] };
    expect(await setStatus("", "revoked", more)).toMatchObject({ status: 404, body: { code: "status_unknown" } });
  });

  it("takes no entry if it cannot be signed", async () => {
    const body = { credential: credentialOf(issuer, { type: undefined }), issuer_did: issuer, revocable: true };
    expect(await rest.post("/api/v1/credentials/sign", body)).toMatchObject({ status: 422, body: { code: "credential_invalid" } });
  });

  it("of a plain credential has no status to change", async () => {
    const signed = await rest.sign(issuer);
    expect(await setStatus(signed, "revoked")).toMatchObject({ status: 404, body: { code: "status_unknown" } });
  });
});

describe("a published status list", () => {
  const urlOf = async (signed: string): Promise<string> => String(statusOf(signed)[0]?.["statusListCredential"]);

  it("is public, cacheable for a while, and readable by web pages", async () => {
    const url = await urlOf(await sign());
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/vc+jwt",
      "cache-control": "public, max-age=30",
      "access-control-allow-origin": "*",
    });
    const text = await response.text();
    expect(text.length).toBeLessThan(2000);
    const { credential } = decodeCredential(text);
    expect(credential).toMatchObject({ id: url, issuer, credentialSubject: { statusPurpose: "revocation", ttl: 30_000 } });
    const etag = response.headers.get("etag") ?? "";
    const again = await fetch(url, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("etag")]).toEqual([200, etag]);
  });

  it("is signed again only after a change of it", async () => {
    const signed = await sign();
    const url = await urlOf(signed);
    const text = await (await fetch(url)).text();
    await sign();
    await setStatus(signed, "suspended");
    await setStatus(signed, "valid");
    const [one, two] = await Promise.all([fetch(url), fetch(url)]);
    expect(await one.text()).toBe(await two.text());
    await setStatus(signed, "revoked");
    expect(await (await fetch(url)).text()).not.toBe(text);
  });

  it.each([
    "/status-lists/AAAAAAAAAAAAAAAAAAAAAA/revocation",
    "/status-lists/x/revocation",
    "/status-lists/",
    "/status-lists/__proto__/constructor",
  ])("at %s does not exist", async (path) => {
    expect((await fetch(node.httpUrl + path)).status).toBe(404);
  });

  it("has two purposes only", async () => {
    const url = await urlOf(await sign());
    expect((await fetch(url.replace(/revocation$/, "refresh"))).status).toBe(404);
    expect((await fetch(url.replace(/revocation$/, "suspension"))).status).toBe(200);
  });

  it("is gone when its issuer is deleted", async () => {
    const gone = `did:web:localhost%3A${node.port}:gone`;
    const body = { credential: credentialOf(gone), issuer_did: gone, revocable: true };
    const signed = String((await rest.post("/api/v1/credentials/sign", body)).body?.["signed_credential"]);
    const url = await urlOf(signed);
    expect((await fetch(url)).status).toBe(200);
    await node.deleteAgent(gone);
    expect((await fetch(url)).status).toBe(404);
    expect(await rejectionOf(verifyOrThrow(signed))).toBeDefined();
  });
});

it("are part of a backup", async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const [dataDir, backup, restored] = ["data", "backup", "restored"].map((name) => join(directory.path, name)) as [string, string, string];
  const apiKeys = [{ key: OTHERS_KEY, dids: "any" }] as const;
  const did = "did:web:localhost:issuer";
  const set = (at: Layr8Node, signed: unknown, status: string): ReturnType<RestClient["post"]> =>
    new RestClient(at, OTHERS_KEY).post("/api/v1/credentials/status", { issuer_did: did, signed_credential: signed, status });
  const first = await startNode({ port: 0, logger: false, dataDir, apiKeys });
  onTestFinished(() => first.close());
  const body = { credential: credentialOf(did), issuer_did: did, revocable: true };
  const sign = async (): Promise<unknown> =>
    (await new RestClient(first, OTHERS_KEY).post("/api/v1/credentials/sign", body)).body?.["signed_credential"];
  const [revoked, valid] = [await sign(), await sign()];
  expect((await set(first, revoked, "revoked")).status).toBe(200);
  await first.backup(backup);
  await first.close();
  await restoreNode({ dataDir: restored, backup });
  const second = await startNode({ port: 0, logger: false, dataDir: restored, apiKeys });
  onTestFinished(() => second.close());
  expect(await set(second, revoked, "valid")).toMatchObject({ status: 409, body: { code: "status_final" } });
  expect(await set(second, valid, "suspended")).toMatchObject({ status: 200 });
});

async function verifyOrThrow(signed: string): Promise<void> {
  if ((await verify(signed)) !== "valid") throw new Error("not valid");
}

function entryAt(list: string, index: string): JsonObject {
  const statusListCredential = `https://node.example/status-lists/${list}/revocation`;
  return { type: "BitstringStatusListEntry", statusPurpose: "revocation", statusListIndex: index, statusListCredential };
}
