import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { isJsonObject, type JsonObject } from "@parley/core";
import { describe, expect, it } from "vitest";
import { RestError } from "../src/index.ts";
import { readObject, readPage, readSigned, readStored } from "../src/stored-credential.ts";
import { expectRestError } from "./expect-rest-error.ts";

const DID = "did:web:node.example:me";
const STORED = { id: "1", holder_did: DID, credential_jwt: "jwt", issuer_did: DID, valid_until: "2027-01-01T00:00:00Z" };
const READ = { id: "1", holderDid: DID, credentialJwt: "jwt", issuerDid: DID, validUntil: "2027-01-01T00:00:00Z" };

const answer = (body: JsonObject): { status: number; body: JsonObject } => ({ status: 200, body });

describe("readSigned", () => {
  it("returns text unchanged, and serializes an object", () => {
    expect(readSigned(answer({ signed_credential: "a.b.c" }), "signed_credential")).toBe("a.b.c");
    expect(readSigned(answer({ signed_presentation: { type: ["X"] } }), "signed_presentation")).toBe('{"type":["X"]}');
  });

  it.each([undefined, null, "", 1, [], true])("rejects %j", (signed_credential) => {
    expectRestError(
      thrownBy(() => readSigned(answer({ signed_credential }), "signed_credential")),
      "response_invalid",
      200,
    );
  });
});

describe("readObject", () => {
  it.each([undefined, null, "", [], 1])("rejects %j", (headers) => {
    expectRestError(
      thrownBy(() => readObject(answer({ headers }), "headers")),
      "response_invalid",
      200,
    );
  });
});

describe("readStored", () => {
  it("reads every member, and omits missing ones", () => {
    expect(readStored(answer({ ...STORED, more: 1 }))).toEqual(READ);
    expect(readStored(answer({ ...STORED, issuer_did: null, valid_until: null }))).toEqual({
      id: "1",
      holderDid: DID,
      credentialJwt: "jwt",
    });
  });

  it.each<[string, JsonObject]>([
    ["no id", { id: undefined }],
    ["an empty id", { id: "" }],
    ["an id that is a number", { id: 1 }],
    ["no holder", { holder_did: undefined }],
    ["a holder that is not a DID", { holder_did: "me" }],
    ["no credential", { credential_jwt: undefined }],
    ["an empty credential", { credential_jwt: "" }],
    ["a credential that is an object", { credential_jwt: {} }],
    ["an issuer that is an object", { issuer_did: { id: DID } }],
    ["a date that is a number", { valid_until: 1 }],
  ])("rejects %s, alone and in a page", (_, wrong) => {
    const entry = { ...STORED, ...wrong };
    expectRestError(
      thrownBy(() => readStored(answer(entry))),
      "response_invalid",
      200,
    );
    expectRestError(
      thrownBy(() => readPage(answer({ credentials: [STORED, entry] }))),
      "response_invalid",
      200,
    );
  });
});

describe("readPage", () => {
  it("reads credentials and the cursor of the next page", () => {
    expect(readPage(answer({ credentials: [STORED], next: "c" }))).toEqual({ credentials: [READ], next: "c" });
    expect(readPage(answer({ credentials: [] }))).toEqual({ credentials: [], next: undefined });
  });

  it.each<JsonObject>([
    {},
    { credentials: null },
    { credentials: {} },
    { credentials: [null] },
    { credentials: ["jwt"] },
    { credentials: [[STORED]] },
    { credentials: [], next: 2 },
    { credentials: [], next: "x".repeat(5000) },
  ])("rejects %j", (body) => {
    expectRestError(
      thrownBy(() => readPage(answer(body))),
      "response_invalid",
      200,
    );
  });
});

it("a truncated, extended or modified response is either read or rejected with a RestError", () => {
  const text = JSON.stringify({ credentials: [STORED, STORED], next: "c", signed_credential: "x", headers: {} });
  const mutation = fc.tuple(fc.nat(text.length - 1), fc.nat(3), fc.string({ maxLength: 5 }));
  const readers = [
    readPage,
    readStored,
    (given: ReturnType<typeof answer>) => readSigned(given, "signed_credential"),
    (given: ReturnType<typeof answer>) => readObject(given, "headers"),
  ];
  fc.assert(
    fc.property(mutation, ([at, removed, inserted]) => {
      const changed = parse(text.slice(0, at) + inserted + text.slice(at + removed));
      if (!isJsonObject(changed)) return;
      for (const read of readers) expect([undefined, RestError]).toContain(constructorOfError(() => read(answer(changed))));
    }),
    { numRuns: gateOrSoak(200, 20_000) },
  );
});

function constructorOfError(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.constructor : error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
