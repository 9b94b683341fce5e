import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { credentialOf, RestClient } from "./rest-client.ts";

const DID = "did:web:localhost:alice";
const PATHS = [
  "/api/v1/credentials/sign",
  "/api/v1/credentials/verify",
  "/api/v1/credentials",
  "/api/v1/presentations/sign",
  "/api/v1/presentations/verify",
];

let node: Layr8Node;
let rest: RestClient;
let failures: () => Promise<string | undefined>;

beforeAll(async () => {
  node = await startNode({ port: 0, logger: false });
  rest = new RestClient(node);
  failures = async () => /^layr8_node_failures_total (\d+)/m.exec(await (await fetch(`${node.httpUrl}/metrics`)).text())?.[1];
});
afterAll(async () => {
  expect(await failures()).toBe("0");
  await node.close();
});

describe.each(PATHS)("POST %s", (path) => {
  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a number", "7"],
    ["a text", '"x"'],
    ["an empty object", "{}"],
    ["a prototype", '{"__proto__":{"credential":{}}}'],
    ["a constructor", '{"constructor":{"prototype":{"x":1}}}'],
    ["broken UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ["deep lists", "[".repeat(200_000)],
    ["deep objects", '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)],
    ["a byte order mark", "\ufeff{}"],
  ])("refuses %s with 400", async (_, body) => {
    const answer = await rest.send("POST", path, typeof body === "string" ? body : new Uint8Array(body));
    expect(answer).toMatchObject({ status: 400, body: { code: "malformed_request", error: expect.stringMatching(/\w{4}/) as string } });
  });

  it("rejects a body that is too large with 413", async () => {
    const answer = await rest.send("POST", path, `"${"x".repeat(1_200_000)}"`);
    expect(answer).toMatchObject({ status: 413, body: { code: "too_large" } });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", "nonsense"])(
    "rejects %s with 415",
    async (type) => {
      expect(await rest.send("POST", path, "{}", type)).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
    },
  );

  it("rejects an invalid DID", async () => {
    for (const did of [
      "",
      "alice",
      "did:web",
      "did:web:x#key",
      "did:web:x/path",
      `did:web:${"x".repeat(3000)}`,
      7,
      null,
      ["did:web:x"],
      {},
    ]) {
      const body = {
        credential: credentialOf(DID),
        signed_credential: "a.b.c",
        signed_presentation: "a.b.c",
        credential_jwt: "a.b.c",
        credentials: ["a.b.c"],
        issuer_did: did,
        holder_did: did,
        verifier_did: did,
      };
      const answer = await rest.post(path, body);
      expect(answer).toMatchObject({
        status: 400,
        body: { error: expect.stringMatching(/^body\/(issuer|holder|verifier)_did: /) as string },
      });
    }
  });
});

describe("a member of the wrong kind is named", () => {
  it.each([
    ["/api/v1/credentials/sign", { credential: [] }, "body/credential: "],
    ["/api/v1/credentials/sign", { credential: "x" }, "body/credential: "],
    ["/api/v1/credentials/sign", { format: "xml" }, "body/format: "],
    ["/api/v1/credentials/verify", { signed_credential: {} }, "body/signed_credential: "],
    ["/api/v1/credentials/verify", { signed_credential: "" }, "body/signed_credential: "],
    ["/api/v1/credentials", { credential_jwt: 7 }, "body/credential_jwt: "],
    ["/api/v1/credentials", { valid_until: "tomorrow" }, "body/valid_until: "],
    ["/api/v1/credentials", { valid_until: "2030-13-45T00:00:00Z" }, "body/valid_until: "],
    ["/api/v1/credentials", { valid_until: 1_900_000_000 }, "body/valid_until: "],
    ["/api/v1/credentials", { issuer_did: 7 }, "body/issuer_did: "],
    ["/api/v1/presentations/sign", { credentials: "a.b.c" }, "body/credentials: "],
    ["/api/v1/presentations/sign", { credentials: [] }, "body/credentials: "],
    ["/api/v1/presentations/sign", { credentials: [7] }, "body/credentials/0: "],
    ["/api/v1/presentations/sign", { credentials: Array(33).fill("a.b.c") }, "body/credentials: "],
    ["/api/v1/presentations/sign", { nonce: "" }, "body/nonce: "],
    ["/api/v1/presentations/sign", { nonce: "n".repeat(2049) }, "body/nonce: "],
    ["/api/v1/presentations/sign", { audience: {} }, "body/audience: "],
    ["/api/v1/presentations/verify", { nonce: 7 }, "body/nonce: "],
  ])("%s %j", async (path, more, where) => {
    const answer = await rest.post(path, {
      credential: credentialOf(DID),
      signed_credential: "a.b.c",
      signed_presentation: "a.b.c",
      credential_jwt: "a.b.c",
      credentials: ["a.b.c"],
      ...(path.endsWith("credentials/sign") && { issuer_did: DID }),
      holder_did: DID,
      verifier_did: DID,
      ...more,
    });
    expect(answer.status).toBe(400);
    expect(answer.body?.["error"]).toMatch(new RegExp(`^${where}`));
  });

  it.each([
    ["deeper than can be written", { a: nested(100_000) }],
    ["deeper than 64 levels", { a: nested(64) }],
  ])("a credential nested %s", async (_, more) => {
    // Not by JSON.stringify, which is what such nesting is meant to break.
    const text = JSON.stringify({ credential: credentialOf(DID), issuer_did: DID }).replace(
      '"credential":{',
      `"credential":{"a":${more.a},`,
    );
    const answer = await rest.send("POST", "/api/v1/credentials/sign", text);
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringContaining("body/credential: ") as string } });
  });

  it("a credential with a number out of range", async () => {
    const text = JSON.stringify({ credential: credentialOf(DID, { big: "X" }), issuer_did: DID }).replace('"X"', "1e999");
    expect(await rest.send("POST", "/api/v1/credentials/sign", text)).toMatchObject({ status: 400 });
  });

  it.each(["limit=0", "limit=1001", "limit=x", "limit=1.5", "cursor=x", "cursor=", "cursor=!!!!!!!!", "limit=1&limit=2"])(
    "in the query of a list: %s",
    async (query) => {
      const answer = await rest.get(`/api/v1/credentials?holder_did=${DID}&${query}`);
      expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(/^querystring\/(limit|cursor): /) as string } });
    },
  );
});

describe("an invalid credential", () => {
  const typeless = `${part({ alg: "EdDSA", typ: "vc+jwt", kid: `${DID}#signing` })}.${part({ issuer: DID })}.AA`;

  it.each([
    ["words", "not a credential"],
    ["dots", ".."],
    ["an empty JWS", "e30.e30.AA"],
    ["a JWT that is something else", `${part({ alg: "EdDSA", typ: "JWT" })}.${part({ sub: "x" })}.AA`],
    ["alg none", `${part({ alg: "none", typ: "vc+jwt" })}.${part(credentialOf(DID))}.`],
    ["JSON that is not a credential", "{}"],
    ["JSON with an empty proof", '{"proof":{}}'],
    ["JSON that ends early", '{"proof":'],
    ["an envelope around nothing", '{"type":"EnvelopedVerifiableCredential","id":"data:application/vc+jwt,"}'],
    ["deep JSON", nested(100_000)],
    ["a NUL", "\u0000"],
    ["a lone surrogate", "\ud800"],
  ])("is neither verified, presented nor stored: %s", async (_, token) => {
    const answers = [
      await rest.post("/api/v1/credentials/verify", { signed_credential: token, verifier_did: DID }),
      await rest.post("/api/v1/presentations/verify", { signed_presentation: token, verifier_did: DID, nonce: "n" }),
      await rest.post("/api/v1/presentations/sign", { credentials: [token], holder_did: DID }),
      await rest.post("/api/v1/credentials", { holder_did: DID, credential_jwt: token }),
    ];
    for (const { status, body } of answers) {
      expect([413, 422]).toContain(status);
      expect(body?.["code"]).toMatch(/^[a-z_]+$/);
    }
  });

  it("is not stored without its type", async () => {
    const answer = await rest.post("/api/v1/credentials", { holder_did: DID, credential_jwt: typeless });
    expect(answer).toMatchObject({ status: 422, body: { code: "credential_invalid" } });
  });
});

it("a body that never ends does not keep its connection open", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sending = request(`${node.httpUrl}/api/v1/credentials`, {
      method: "POST",
      headers: { "x-api-key": node.apiKey ?? "", "content-type": "application/json" },
    });
    sending.on("response", (response) => {
      resolve(response.statusCode);
      sending.destroy();
    });
    sending.on("error", reject);
    sending.write(" ".repeat(2_000_000));
  });
  expect(status).toBe(413);
});

function nested(depth: number): string {
  return '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
