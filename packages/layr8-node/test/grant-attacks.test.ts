import type { KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@parley/core";
import { BitstringStatusList, signCredential } from "@parley/vc";
import { describe, expect, it, onTestFinished } from "vitest";
import type { NodeOptions } from "../src/options.ts";
import {
  ALICE,
  altered,
  attachment,
  BOB,
  CAROL,
  claims,
  days,
  documentedAttacks,
  grant,
  GrantScene,
  MALLORY,
  ORDER,
  owner,
  partsOf,
  stranger,
  token,
  type Party,
} from "./grant-scene.ts";

let scene: GrantScene;

/** Opens a scene that ends with its test. */
async function open(options: NodeOptions = {}): Promise<void> {
  const opened = await GrantScene.open(options);
  onTestFinished(() => opened.close());
  scene = opened;
}

/** How the owner's key signs. */
const EDDSA = { alg: "EdDSA", typ: "vc+jwt", kid: owner.key.kid };
const privateKey = owner.key.privateKey as KeyObject;
const forged = (header: JsonObject, payload: JsonObject | string = claims(), key: KeyObject | string | undefined = privateKey): string =>
  token({ ...EDDSA, ...header }, payload, key);
const EVERYTHING = { protocol: "*", messageTypes: ["*"] };
const text = (value: JsonObject): string => JSON.stringify(value);

/** Each is refused by its own code. The table is in docs/node/attacks.md. */
const ATTACKS: readonly [attack: string, code: string, make: () => Promise<string> | string][] = [
  // Issuer and signature
  ["issued by a stranger", "issuer_not_trusted", () => grant({ issuer: stranger.did }, {}, stranger)],
  [
    "signed by a stranger in the issuer's name",
    "issuer_mismatch",
    () => token({ ...EDDSA, kid: stranger.key.kid }, claims(), stranger.key.privateKey as KeyObject),
  ],
  ["signed by a stranger with the issuer's key id", "signature_invalid", () => forged({}, claims(), stranger.key.privateKey as KeyObject)],
  ["issued by the sender itself", "issuer_not_trusted", () => scene.sign(ALICE, { ...claims(), issuer: ALICE })],
  ["issued by the recipient, where it is not trusted", "issuer_not_trusted", () => scene.sign(BOB, { ...claims(), issuer: BOB })],
  ["with the key id of another key", "key_not_found", () => forged({ kid: `${owner.did}#other` })],
  ["without a key id", "kid_invalid", () => token({ alg: "EdDSA", typ: "vc+jwt" }, claims(), privateKey)],
  ["unsigned: alg none", "alg_not_allowed", () => token({ ...EDDSA, alg: "none" }, claims())],
  ["with an empty signature", "signature_invalid", () => `${forged({}).split(".").slice(0, 2).join(".")}.AA`],
  ["signed with the public key as a secret: alg HS256", "alg_not_allowed", () => forged({ alg: "HS256" }, claims(), owner.did.slice(8))],
  ["with an algorithm that does not fit the key", "alg_not_allowed", () => forged({ alg: "ES256" })],
  ["with an extension that must be understood", "crit_unsupported", () => forged({ crit: ["b64"], b64: false })],
  ["with the type of another token", "typ_invalid", () => forged({ typ: "dpop+jwt" })],
  ["a presentation instead of a credential", "typ_invalid", () => forged({ typ: "vp+jwt" })],
  // Scope
  [
    "widened after signing",
    "signature_invalid",
    async () => altered(await grant(), { credentialSubject: { id: ALICE, scope: [EVERYTHING] } }),
  ],
  ["for another recipient", "resource_not_covered", () => grant({}, { scope: [{ ...EVERYTHING, resource: CAROL }] })],
  ["for what is below the recipient", "resource_not_covered", () => grant({}, { scope: [{ ...EVERYTHING, resource: `${BOB}/*` }] })],
  ["for a prefix of the recipient", "resource_not_covered", () => grant({}, { scope: [{ ...EVERYTHING, resource: BOB.slice(0, -1) }] })],
  [
    "for a version of the protocol that begins the same",
    "protocol_not_covered",
    () => grant({}, { scope: [{ ...EVERYTHING, protocol: ORDER.slice(0, -1) }] }),
  ],
  [
    "for a prefix of the protocol with a wildcard",
    "protocol_not_covered",
    () => grant({}, { scope: [{ ...EVERYTHING, protocol: "https://shop.example/*" }] }),
  ],
  ["for another message", "message_type_not_covered", () => grant({}, { scope: [{ protocol: ORDER, messageTypes: ["cancel"] }] })],
  [
    "for the message in another case",
    "message_type_not_covered",
    () => grant({}, { scope: [{ protocol: ORDER, messageTypes: ["Create"] }] }),
  ],
  [
    "whose parts come from several entries",
    "resource_not_covered",
    () =>
      grant(
        {},
        {
          scope: [
            { ...EVERYTHING, resource: CAROL },
            { ...EVERYTHING, protocol: "https://x.example/1.0", resource: BOB },
          ],
        },
      ),
  ],
  ["with a scope that is text", "grant_invalid", () => grant({}, { scope: "*" })],
  ["with an empty scope", "grant_invalid", () => grant({}, { scope: [] })],
  [
    "with more entries than can be checked",
    "grant_invalid",
    () => grant({}, { scope: Array.from({ length: 257 }, () => ({ protocol: "a", messageTypes: [] })) }),
  ],
  // Restrictions
  ["with rego", "constraint_not_supported", () => grant({}, { constraints: { rego: "package grant\nallow = true" } })],
  [
    "with demands on the sender's credentials",
    "constraint_not_supported",
    () => grant({}, { constraints: { senderCredentials: [{ type: "Employee" }] } }),
  ],
  ["with an unknown constraint", "constraint_not_supported", () => grant({}, { constraints: { maxUses: 1 } })],
  [
    "with an unknown member in its scope",
    "constraint_not_supported",
    () => grant({}, { scope: [{ protocol: ORDER, messageTypes: ["create"], resource: BOB, maxUses: 1 }] }),
  ],
  ["with constraints that are text", "grant_invalid", () => grant({}, { constraints: "none" })],
  // Holder
  ["for another subject", "holder_mismatch", () => grant({}, { id: CAROL })],
  ["for a DID above the sender's", "holder_mismatch", () => grant({}, { id: "did:web:localhost" })],
  [
    "for two subjects, one of them the sender",
    "grant_invalid",
    () => grant({ credentialSubject: [claims()["credentialSubject"] ?? {}, { id: CAROL, scope: [EVERYTHING] }] }),
  ],
  ["without a subject's id", "grant_invalid", () => grant({}, { id: undefined })],
  ["with another subject in sub", "claims_invalid", () => forged({}, { ...claims(), sub: CAROL })],
  ["with another issuer in iss", "issuer_mismatch", () => forged({}, { ...claims(), iss: stranger.did })],
  [
    "with a member twice: the subject",
    "malformed",
    () =>
      forged(
        {},
        text(claims({}, { id: CAROL })).replace(/\}$/, `,${text({ credentialSubject: claims()["credentialSubject"] ?? {} }).slice(1)}`),
      ),
  ],
  // Time
  ["expired", "expired", () => grant({ validFrom: days(-2), validUntil: days(-1) })],
  ["not valid yet", "not_yet_valid", () => grant({ validFrom: days(1) })],
  ["with a signature that has expired", "signature_expired", () => forged({}, { ...claims(), exp: Math.floor(Date.now() / 1000) - 3600 })],
  [
    "with a signature that is not valid yet",
    "signature_not_yet_valid",
    () => forged({}, { ...claims(), nbf: Math.floor(Date.now() / 1000) + 3600 }),
  ],
  ["with an invalid date", "credential_invalid", () => forged({}, { ...claims(), validUntil: "tomorrow" })],
  // Form
  ["not a grant", "not_a_grant", () => grant({ type: ["VerifiableCredential"] })],
  ["not a credential", "malformed", () => "nonsense"],
  ["in five parts", "format_unsupported", () => "a.b.c.d.e"],
  ["with claims that are a list", "malformed", () => forged({}, "[]")],
  ["too large", "too_large", () => "a".repeat(16 * 1024 + 1)],
  // Status
  ["with a status of an unknown kind", "status_unsupported", () => grant({ credentialStatus: { type: "MyOwnStatus", id: "urn:x" } })],
  [
    "with an index outside of any list",
    "status_invalid",
    () =>
      grant({
        credentialStatus: {
          type: "BitstringStatusListEntry",
          statusPurpose: "revocation",
          statusListIndex: "-1",
          statusListCredential: "https://x.example/1",
        },
      }),
  ],
];

describe("a message with a grant that must not permit it", () => {
  it("is listed with its code in the documentation", () => {
    expect(documentedAttacks("grant-attacks.test.ts")).toEqual(ATTACKS.map(([attack, code]) => [attack, code]));
  });

  it.each(ATTACKS)("is denied: %s (%s)", async (_, code, make) => {
    await open();
    expect(await scene.order(ALICE, [attachment(await make())])).toEqual(["grant_not_applicable", code]);
    expect(await scene.order(ALICE, [attachment(await grant())])).toBe("delivered");
  });

  it.each<[attack: string, outcome: string | readonly string[], attach: (signed: string) => readonly object[]]>([
    ["none", ["no_grant"], () => []],
    ["one of another media type", ["no_grant"], (signed) => [{ id: "1", media_type: "application/vp+jwt", data: { jws: signed } }]],
    [
      "one whose media type has a parameter",
      ["no_grant"],
      (signed) => [{ id: "1", media_type: "application/vc+jwt; charset=utf-8", data: { jws: signed } }],
    ],
    ["one without data", ["no_grant"], () => [{ id: "1", media_type: "application/vc+jwt", data: {} }]],
    [
      "one behind a broken jws",
      ["grant_not_applicable", "malformed"],
      (signed) => [{ id: "1", media_type: "application/vc+jwt", data: { jws: "x", base64: Buffer.from(signed).toString("base64url") } }],
    ],
    [
      "32 others before it",
      ["grant_not_applicable", ...Array.from({ length: 32 }, () => "malformed"), "too_many"],
      (signed) => [...Array.from({ length: 32 }, (_, n) => attachment("nonsense", `${n}`)), attachment(signed)],
    ],
  ])("is denied with %s", async (_, outcome, attach) => {
    await open();
    expect(await scene.order(ALICE, attach(await grant()))).toEqual(outcome);
  });

  it("is denied to a sender that has copied it, and to one that writes the holder as from", async () => {
    await open();
    const copied = attachment(await grant());
    expect(await scene.order(ALICE, [copied])).toBe("delivered");
    expect(await scene.order(MALLORY, [copied])).toEqual(["grant_not_applicable", "holder_mismatch"]);
    expect(await scene.order(MALLORY, [copied], { from: ALICE })).toBe("e.m.authz.from");
  });

  it("is denied to all recipients if the grant covers one of them", async () => {
    await open({ policies: [{ did: "did:web:localhost:*", protocols: [ORDER], grantIssuers: [owner.did] }] });
    await scene.agent(CAROL);
    const forBob = attachment(await grant());
    expect(await scene.order(ALICE, [forBob], { to: [CAROL, BOB] })).toEqual(["grant_not_applicable", "resource_not_covered"]);
  });

  it("is denied by each policy on its own: one grant does not stand for another issuer's", async () => {
    const policy = { did: BOB, protocols: [ORDER] };
    await open({
      policies: [
        { ...policy, grantIssuers: [owner.did] },
        { ...policy, grantIssuers: [stranger.did] },
      ],
    });
    const [one, other] = [attachment(await grant(), "one"), attachment(await grant({ issuer: stranger.did }, {}, stranger), "other")];
    expect(await scene.order(ALICE, [one])).toEqual(["grant_not_applicable", "issuer_not_trusted"]);
    expect(await scene.order(ALICE, [other])).toEqual(["grant_not_applicable", "issuer_not_trusted"]);
    expect(await scene.order(ALICE, [one, other])).toBe("delivered");
  });
});

describe("a grant with a status list", () => {
  interface Published {
    readonly list: BitstringStatusList;
    /** What is published instead of the list. */
    set(answer: (() => Promise<string>) | undefined): void;
  }

  /** A list of the owner, on a host of its own. */
  async function publish(): Promise<Published> {
    let answer: (() => Promise<string>) | undefined;
    const server = createServer((_, response) => {
      void (answer ?? (() => signed(list, owner)))().then((body) => (body === "" ? response.destroy() : response.end(body)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    });
    const id = `http://localhost:${(server.address() as AddressInfo).port}/1`;
    const list = BitstringStatusList.create({ id, statusPurpose: "revocation" });
    await open({ resolution: { allow: ["loopback"], httpForLoopback: true, cacheTtlMs: 0 } });
    return { list, set: (next) => (answer = next) };
  }

  async function signed(list: BitstringStatusList, { did, key }: Party, more: object = {}): Promise<string> {
    return signCredential({ ...(await list.toCredential({ issuer: did })), ...more }, { key });
  }

  it("is refused once its issuer has withdrawn it, between two messages", async () => {
    const { list } = await publish();
    const withdrawn = attachment(await grant({ credentialStatus: list.statusEntry(3) }));
    expect(await scene.order(ALICE, [withdrawn])).toBe("delivered");
    list.set(3, true);
    expect(await scene.order(ALICE, [withdrawn])).toEqual(["grant_not_applicable", "revoked"]);
  });

  it.each<[forgery: string, outcome: string | readonly string[], answer: (list: BitstringStatusList) => Promise<string>]>([
    ["a list that a stranger has issued", ["grant_not_applicable", "status_invalid"], (list) => signed(list, stranger)],
    [
      "the owner's list of another address",
      ["grant_not_applicable", "status_invalid"],
      (list) => signed(list, owner, { id: "https://other.example/1" }),
    ],
    [
      "a list that has ended",
      ["grant_not_applicable", "status_invalid"],
      (list) => signed(list, owner, { validFrom: days(-2), validUntil: days(-1) }),
    ],
    ["a grant in its place", ["grant_not_applicable", "status_invalid"], () => grant()],
    [
      "an unsigned list",
      ["grant_not_applicable", "status_invalid"],
      async (list) => token({ ...EDDSA, alg: "none" }, partsOf(await signed(list, owner)).payload),
    ],
    ["nonsense", ["grant_not_applicable", "status_invalid"], () => Promise.resolve("nonsense")],
    ["nothing", "e.p.me.res.net", () => Promise.resolve("")],
  ])("is refused with %s", async (_, outcome, answer) => {
    const { list, set } = await publish();
    const attached = attachment(await grant({ credentialStatus: list.statusEntry(3) }));
    set(() => answer(list));
    expect(await scene.order(ALICE, [attached])).toEqual(outcome);
    set(undefined);
    expect(await scene.order(ALICE, [attached])).toBe("delivered");
  });
});
