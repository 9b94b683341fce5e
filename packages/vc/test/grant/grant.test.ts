import type { JsonObject, JsonValue } from "@parley/core";
import { rejectionOf, thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { matchGrant, readGrant, verifyGrant, type Grant } from "../../src/grants-entry.ts";
import { BitstringStatusList, StatusListCache, verifyCredential, type VerifyOptions } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { forgeCredential, makeToken } from "../forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";

const PROTOCOL = "https://example.com/protocols/orders/1.0";
const SENDER = "did:web:sender.example";
const RECIPIENT = "did:web:node.example:shop";
const request = { type: `${PROTOCOL}/place`, resource: RECIPIENT, sender: SENDER };

const issuer = makeParty("issuer");
const stranger = makeParty("stranger");
const options: VerifyOptions = { resolver: resolverOf(issuer, stranger), now: () => NOW };

/** The claims of a grant that permits {@link request}, with other members of its subject. */
function grantCredential(subject: JsonObject = {}, members: JsonObject = {}): JsonObject {
  return credentialFor(issuer, SENDER, {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://layr8.io/contexts/grant/v1"],
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: { id: SENDER, scope: [{ protocol: PROTOCOL, messageTypes: ["place"], resource: RECIPIENT }], ...subject },
    ...members,
  });
}

function grantWith(scope: JsonObject, subject: JsonObject = {}): Grant {
  return readGrant(
    grantCredential({ scope: [{ protocol: PROTOCOL, messageTypes: ["place"], resource: RECIPIENT, ...scope }], ...subject }),
  );
}

describe("a grant", () => {
  it("is verified and read with its claims at the top level, with the typ of today's standard", async () => {
    const signed = await forgeCredential(grantCredential(), issuer, "compact_jwt");
    expect(await verifyGrant(signed, options)).toEqual({
      id: "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
      issuer: issuer.did,
      holder: SENDER,
      scope: [{ protocol: PROTOCOL, messageTypes: ["place"], resource: RECIPIENT }],
      tools: [],
      constraints: [],
    });
  });

  it("is the same with the typ of a draft, with claims at the top level or in vc", async () => {
    const { kid, privateKey } = issuer.key;
    const header = { alg: "EdDSA", kid, typ: "vc+ld+jwt" };
    const expected = await verifyGrant(await forgeCredential(grantCredential(), issuer, "compact_jwt"), options);
    const claims = { iss: issuer.did, sub: SENDER, vc: grantCredential() };
    expect(await verifyGrant(makeToken(header, grantCredential(), privateKey), options)).toEqual(expected);
    expect(await verifyGrant(makeToken(header, claims, privateKey), options)).toEqual(expected);
  });

  it("is rejected when another DID signed it as the issuer", async () => {
    const forged = await forgeCredential(grantCredential(), { ...stranger, did: issuer.did }, "compact_jwt");
    expectVcError(await rejectionOf(verifyGrant(forged, options)), "issuer_mismatch");
  });

  it("is rejected after its end", async () => {
    const signed = await forgeCredential(grantCredential({}, { validUntil: "2026-02-01T00:00:00Z" }), issuer, "compact_jwt");
    expectVcError(await rejectionOf(verifyGrant(signed, options)), "expired");
  });

  it("is rejected once its issuer has revoked it", async () => {
    const list = BitstringStatusList.create({ id: "https://issuer.example/status/1", statusPurpose: "revocation" });
    const signed = await forgeCredential(grantCredential({}, { credentialStatus: list.statusEntry(7) }), issuer, "compact_jwt");
    const published = async (): Promise<string> =>
      forgeCredential(await list.toCredential({ issuer: issuer.did, validFrom: "2026-01-01T00:00:00Z" }), issuer, "compact_jwt");
    expect(await verifyGrant(signed, { ...options, status: published })).toMatchObject({ holder: SENDER });
    list.set(7, true);
    expectVcError(await rejectionOf(verifyGrant(signed, { ...options, status: published })), "revoked");
  });

  it("can be reused until it or its signature expires, or its status list must be fetched again", async () => {
    const holdsUntil = async (members: JsonObject, more: Partial<VerifyOptions> = {}): Promise<number | undefined> =>
      (await verifyCredential(await forgeCredential(grantCredential({}, members), issuer, "compact_jwt"), { ...options, ...more }))
        .holdsUntil;
    const end = NOW + 60_000;
    expect(await holdsUntil({ validUntil: undefined })).toBeUndefined();
    expect(await holdsUntil({ validUntil: new Date(end).toISOString() })).toBe(end);
    const { kid, privateKey } = issuer.key;
    const token = makeToken({ alg: "EdDSA", kid, typ: "vc+jwt" }, { ...grantCredential(), exp: end / 1000 }, privateKey);
    expect((await verifyCredential(token, options)).holdsUntil).toBe(end);
    const list = BitstringStatusList.create({ id: "https://issuer.example/status/1", statusPurpose: "revocation" });
    const status = async (): Promise<string> =>
      forgeCredential(await list.toCredential({ issuer: issuer.did, ttl: 5000 }), issuer, "compact_jwt");
    const statusListCache = new StatusListCache({ maxAgeMs: 10_000 });
    expect(await holdsUntil({ credentialStatus: list.statusEntry(7) }, { status, statusListCache })).toBe(NOW + 5000);
    const later = { status, statusListCache, now: () => NOW + 3000 };
    expect(await holdsUntil({ credentialStatus: list.statusEntry(7) }, later)).toBe(NOW + 5000);
  });

  it.each<[path: string, subject: JsonObject]>([
    ["credentialSubject.id", { id: undefined }],
    ["credentialSubject.scope", { scope: [] }],
    ["credentialSubject.scope", { scope: "*" }],
    ["credentialSubject.scope", { scope: Array.from({ length: 257 }, () => ({ protocol: "*", messageTypes: ["*"] })) }],
    ["credentialSubject.scope[0]", { scope: ["*"] }],
    ["credentialSubject.scope[0].protocol", { scope: [{ messageTypes: ["*"] }] }],
    ["credentialSubject.scope[0].messageTypes", { scope: [{ protocol: "*" }] }],
    ["credentialSubject.scope[0].messageTypes", { scope: [{ protocol: "*", messageTypes: "*" }] }],
    ["credentialSubject.scope[0].messageTypes[1]", { scope: [{ protocol: "*", messageTypes: ["place", 1] }] }],
    ["credentialSubject.scope[0].resource", { scope: [{ protocol: "*", messageTypes: ["*"], resource: ["*"] }] }],
    ["credentialSubject.grant", { grant: "all" }],
    ["credentialSubject.grant.tools", { grant: { tools: "all" } }],
    ["credentialSubject.constraints", { constraints: "none" }],
  ])("is invalid as a whole with a wrong %s: %j", (path, subject) => {
    const error = expectVcError(
      thrownBy(() => readGrant(grantCredential(subject))),
      "grant_invalid",
    );
    expect(error.message).toContain(`${path} `);
  });

  it.each<[string, JsonObject]>([
    ["another type", { type: ["VerifiableCredential"] }],
    ["two subjects", { credentialSubject: [{ id: SENDER }, { id: RECIPIENT }] }],
  ])("is none with %s", (_, members) => {
    expectVcError(
      thrownBy(() => readGrant(grantCredential({}, members))),
      "grant_invalid",
    );
  });
});

describe("a message", () => {
  it.each<[scope: JsonObject]>([
    [{}],
    [{ protocol: "*" }],
    [{ messageTypes: ["*"] }],
    [{ messageTypes: ["cancel", "place"] }],
    [{ resource: null }],
    [{ resource: "" }],
    [{ resource: "*" }],
  ])("is permitted by a scope with %j", (scope) => {
    expect(matchGrant(grantWith(scope), request)).toMatchObject({ permitted: true });
  });

  it.each<[code: string, scope: JsonObject]>([
    ["protocol_not_covered", { protocol: "https://example.com/protocols/orders/2.0" }],
    ["protocol_not_covered", { protocol: "https://example.com/protocols/*" }],
    ["protocol_not_covered", { protocol: `${PROTOCOL}/` }],
    ["message_type_not_covered", { messageTypes: [] }],
    ["message_type_not_covered", { messageTypes: ["cancel"] }],
    ["message_type_not_covered", { messageTypes: ["Place"] }],
    ["message_type_not_covered", { messageTypes: ["pla*"] }],
    ["resource_not_covered", { resource: "did:web:node.example" }],
    ["resource_not_covered", { resource: `${RECIPIENT}:child` }],
    ["resource_not_covered", { resource: "did:web:node.example:*" }],
  ])("is not permitted, %s, by a scope with %j", (code, scope) => {
    expect(matchGrant(grantWith(scope), request)).toMatchObject({ permitted: false, code });
  });

  it("is not permitted to another sender than the holder", () => {
    expect(matchGrant(grantWith({}), { ...request, sender: "did:web:thief.example" })).toMatchObject({ code: "holder_mismatch" });
  });

  it.each<[constraints: JsonValue]>([
    [{ rego: "package grant\nallow = true" }],
    [{ senderCredentials: [{ type: "Employee" }] }],
    [{ later: 0 }],
    [{ later: false }],
  ])("is never permitted by a grant with constraints: %j", (constraints) => {
    expect(matchGrant(grantWith({}, { constraints }), request)).toMatchObject({ code: "constraint_not_supported" });
  });

  it.each<[path: string, subject: JsonObject]>([
    ["scope[0].limit", { scope: [{ protocol: PROTOCOL, messageTypes: ["place"], limit: 3 }] }],
    [
      "scope[1].rego",
      {
        scope: [
          { protocol: "*", messageTypes: ["*"] },
          { protocol: PROTOCOL, messageTypes: ["place"], rego: "allow" },
        ],
      },
    ],
    ["delegation.maxDepth", { delegation: { parentCapability: "urn:x:1", parentCredential: "a.b.c", maxDepth: 0 } }],
  ])("is never permitted by a grant with an unknown member that may restrict it: %s", (path, subject) => {
    const match = matchGrant(grantWith({}, subject), request);
    expect(match).toMatchObject({ code: "constraint_not_supported", detail: expect.stringContaining(path) as string });
  });

  it("is permitted by a scope with members that only describe it, or are empty", () => {
    expect(matchGrant(grantWith({ type: "Scope", name: "orders", description: "…", limit: null }), request)).toMatchObject({
      permitted: true,
    });
  });

  it.each<[constraints: JsonValue]>([[null], [{}], [{ rego: "" }], [{ rego: null, senderCredentials: [] }]])(
    "is permitted by a grant with empty constraints: %j",
    (constraints) => {
      expect(matchGrant(grantWith({}, { constraints }), request)).toMatchObject({ permitted: true });
    },
  );

  it.each<[granted: string, resource: string, permitted: boolean]>([
    ["tables", "tables", true],
    ["tables", "tables/customers", true],
    ["tables", "tables_archive", false],
    ["tables/*", "tables/customers", true],
    ["tables/*", "tables", false],
    ["tables/*", "tables_archive/x", false],
    ["tables/customers", "tables", false],
    ["*", "anything", true],
    ["**", "anything", false],
    ["/*", "anything", false],
  ])("about a resource: %s covers %s: %s", (granted, resource, permitted) => {
    expect(matchGrant(grantWith({ resource: granted }), { ...request, resource }).permitted).toBe(permitted);
  });

  it("is permitted by the entry that covers all of it, not by parts of several", () => {
    const scope = [
      { protocol: PROTOCOL, messageTypes: ["cancel"], resource: RECIPIENT },
      { protocol: PROTOCOL, messageTypes: ["place"], resource: "did:web:other.example" },
    ];
    expect(matchGrant(readGrant(grantCredential({ scope })), request)).toMatchObject({ code: "resource_not_covered" });
    const all = [...scope, { protocol: "*", messageTypes: ["place"] }];
    expect(matchGrant(readGrant(grantCredential({ scope: all })), request)).toMatchObject({ scope: { protocol: "*" } });
  });
});
