import { isJsonObject, type JsonObject } from "@parley/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { credentialOf, RestClient, type Answer } from "./rest-client.ts";

const DID = "did:web:localhost:alice";

let node: Layr8Node;
let rest: RestClient;
let document: JsonObject;
/** Calls that were made and checked, as `method path`. */
const called = new Set<string>();

beforeAll(async () => {
  node = await startNode({ port: 0, logger: false, audit: true });
  rest = new RestClient(node);
  document = (await new RestClient(node, null).get("/openapi.json")).body ?? {};
});
afterAll(() => node.close());

/** Follows members of the document, one after the other. */
function at(...path: readonly string[]): JsonObject {
  let value: unknown = document;
  for (const member of path) value = isJsonObject(value) ? value[member] : undefined;
  if (!isJsonObject(value)) throw new Error(`The document has no ${path.join(" ")}`);
  return value;
}

/** Makes a validator of a schema of the document. */
function validatorOf(schema: JsonObject): z.ZodType {
  const $defs = at("components", "schemas");
  const local = JSON.stringify({ ...schema, $defs }).replaceAll("#/components/schemas/", "#/$defs/");
  return z.fromJSONSchema(JSON.parse(local) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** Sends a request and checks it and the response against the OpenAPI document. */
async function check(method: string, route: string, path: string, body?: object): Promise<Answer> {
  const operation = at("paths", route, method.toLowerCase());
  called.add(`${method.toLowerCase()} ${route}`);
  const answer = await rest.send(method, path, body === undefined ? undefined : JSON.stringify(body));
  const responses = operation["responses"] as JsonObject;
  const described = responses[String(answer.status)] ?? responses[`${String(answer.status)[0]}XX`];
  if (!isJsonObject(described)) throw new Error(`${method} ${route} does not describe ${answer.status}`);
  if (body !== undefined && answer.status < 300) {
    expectValid(at("paths", route, method.toLowerCase(), "requestBody", "content", "application/json", "schema"), body);
  }
  if (answer.body !== undefined) {
    const content = described["content"] as JsonObject;
    expectValid((content["application/json"] as JsonObject)["schema"] as JsonObject, answer.body);
  }
  return answer;
}

function expectValid(schema: JsonObject, value: unknown): void {
  expect(validatorOf(schema).safeParse(value)).toMatchObject({ success: true });
}

describe("the OpenAPI document", () => {
  it("describes the responses of every call", async () => {
    const sign = "/api/v1/credentials/sign";
    const credential = String(
      (await check("POST", sign, sign, { credential: credentialOf(DID), issuer_did: DID, format: null })).body?.["signed_credential"],
    );
    await check("POST", sign, sign, { credential: {}, issuer_did: DID });
    await check("POST", sign, sign, {});

    const verify = "/api/v1/credentials/verify";
    expect((await check("POST", verify, verify, { signed_credential: credential, verifier_did: DID })).status).toBe(200);
    await check("POST", verify, verify, { signed_credential: "x", verifier_did: DID });

    const setStatus = "/api/v1/credentials/status";
    const revocable = { credential: credentialOf(DID), issuer_did: DID, revocable: true };
    const withStatus = (await check("POST", sign, sign, revocable)).body?.["signed_credential"];
    const revocation = { issuer_did: DID, signed_credential: withStatus, status: "revoked" };
    expect((await check("POST", setStatus, setStatus, revocation)).status).toBe(200);
    expect((await check("POST", setStatus, setStatus, { ...revocation, status: "valid" })).status).toBe(409);

    const store = "/api/v1/credentials";
    const { body } = await check("POST", store, store, {
      holder_did: DID,
      credential_jwt: credential,
      valid_until: "2999-01-01T00:00:00Z",
    });
    await check("POST", store, store, { holder_did: DID, credential_jwt: credential });
    const document = "/api/v1/dids/{did}/document";
    expect((await check("GET", document, document.replace("{did}", DID))).status).toBe(200);
    await check("GET", document, document.replace("{did}", "did:example:nobody"));

    const list = await check("GET", store, `${store}?holder_did=${DID}&limit=1`);
    expect(list.body).toHaveProperty("next");
    await check("GET", store, `${store}?holder_did=${DID}&cursor=${String(list.body?.["next"])}`);
    await check("GET", store, store);

    const one = `${store}/${String(body?.["id"])}`;
    expect((await check("GET", `${store}/{id}`, one)).status).toBe(200);
    expect((await check("DELETE", `${store}/{id}`, one)).status).toBe(204);
    expect((await check("DELETE", `${store}/{id}`, one)).status).toBe(404);

    const present = "/api/v1/presentations/sign";
    const presented = await check("POST", present, present, { credentials: [credential], holder_did: DID, nonce: "n", audience: [DID] });
    expect(presented.status).toBe(200);
    const verifyPath = "/api/v1/presentations/verify";
    const signed = presented.body?.["signed_presentation"];
    expect((await check("POST", verifyPath, verifyPath, { signed_presentation: signed, verifier_did: DID, nonce: "n" })).status).toBe(200);
    expect((await check("POST", verifyPath, verifyPath, { signed_presentation: signed, verifier_did: DID, nonce: "n" })).status).toBe(422);

    const mediator = "/api/v1/dids/{did}/mediator";
    const ofDid = `/api/v1/dids/${DID}/mediator`;
    expect((await check("PUT", mediator, ofDid, { routing_did: "did:web:mediator.example" })).status).toBe(204);
    expect((await check("PUT", mediator, ofDid, {})).status).toBe(400);
    expect((await check("DELETE", mediator, ofDid)).status).toBe(204);
    expect((await check("DELETE", mediator, "/api/v1/dids/did:web:unknown.example/mediator")).status).toBe(404);

    const audit = "/api/v1/audit";
    expect((await check("GET", `${audit}/head`, `${audit}/head?did=${DID}`)).status).toBe(200);
    expect((await check("GET", `${audit}/entries`, `${audit}/entries?did=${DID}`)).status).toBe(200);
    expect((await check("GET", `${audit}/entries`, `${audit}/entries?did=${DID}&limit=0`)).status).toBe(400);
    // The export itself is JSON Lines.
    expect((await check("GET", `${audit}/export`, `${audit}/export?did=did:web:unknown.example`)).status).toBe(404);
    expect(at("paths", `${audit}/export`, "get", "responses", "200", "content", "application/jsonl", "schema")).toMatchObject({
      type: "string",
    });

    const described = Object.entries(at("paths")).flatMap(([route, methods]) =>
      Object.keys(methods as JsonObject).map((method) => `${method} ${route}`),
    );
    expect([...called].toSorted()).toEqual(described.toSorted());
  });

  it("is one of OpenAPI 3.1, and names the key's header", () => {
    expect(document["openapi"]).toBe("3.1.0");
    expect(at("components", "securitySchemes")).toEqual({ apiKey: { type: "apiKey", in: "header", name: "x-api-key" } });
    expect(document["security"]).toEqual([{ apiKey: [] }]);
  });

  it("describes each response", () => {
    expect(JSON.stringify(document)).not.toContain("Default Response");
  });

  it("has every schema that it refers to, no unused one, and each of them once", () => {
    const names = Object.keys(at("components", "schemas"));
    const references = new Set(Array.from(JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g), ([, name = ""]) => name));
    expect([...references].toSorted()).toEqual(names.toSorted());
    expect(names.filter((name) => name.endsWith("Input"))).toEqual([]);
    expect(names).toContain("StoredCredential");
  });

  it("rejects a response that differs from its schema", () => {
    const schema = at("components", "schemas", "StoredCredential");
    expect(validatorOf(schema).safeParse({ id: "1", holder_did: DID }).success).toBe(false);
    expect(validatorOf(schema).safeParse({ id: "1", holder_did: DID, credential_jwt: "x", extra: 1 }).success).toBe(false);
  });
});
