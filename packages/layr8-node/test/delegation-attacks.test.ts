import type { KeyObject } from "node:crypto";
import { gateOrSoak } from "@parley/test-assertions";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
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
  HELPER,
  MALLORY,
  ORDER,
  partsOf,
  stranger,
  token,
} from "./grant-scene.ts";

const GRANDCHILD = `${HELPER}:x`;
const DEEPER = `${GRANDCHILD}:y`;
const EVERYTHING = { scope: [{ protocol: "*", messageTypes: ["*"] }] };

let scene: GrantScene;

beforeEach(async () => {
  scene = await GrantScene.open();
});

afterEach(() => scene.close());

const helper = (origin: string, more: Parameters<GrantScene["derive"]>[3] = {}): Promise<string> =>
  scene.derive(ALICE, HELPER, origin, more);
const unsigned = (signed: string): string => token({ ...partsOf(signed).header, alg: "none" }, partsOf(signed).payload);
const subjectOf = (signed: string): object => partsOf(signed).payload["credentialSubject"] as object;

/** A chain of as many derived grants, for DIDs one below the other. */
async function chain(links: number): Promise<{ readonly signed: string; readonly holder: string }> {
  let [signed, holder] = [await grant(), ALICE];
  for (let n = 0; n < links; n++) {
    const next = `${holder}:n${n}`;
    signed = await scene.derive(holder, next, signed, { id: `urn:x:${n}` });
    holder = next;
  }
  return { signed, holder };
}

/** Each is refused by its own code. The table is in docs/node/attacks.md. */
const ATTACKS: readonly [attack: string, code: string, make: () => Promise<string>][] = [
  // Scope
  [
    "wider than the one before: it names another recipient",
    "resource_not_covered",
    async () =>
      helper(await grant({}, { scope: [{ protocol: ORDER, messageTypes: ["create"], resource: CAROL }] }), { subject: EVERYTHING }),
  ],
  [
    "wider than the one before: it names another message",
    "message_type_not_covered",
    async () => helper(await grant({}, { scope: [{ protocol: ORDER, messageTypes: ["read"] }] }), { subject: EVERYTHING }),
  ],
  [
    "narrower than the message",
    "message_type_not_covered",
    async () => helper(await grant({}, EVERYTHING), { subject: { scope: [{ protocol: ORDER, messageTypes: ["read"] }] } }),
  ],
  [
    "without the constraints of the one before",
    "constraint_not_supported",
    async () => helper(await grant({}, { constraints: { rego: "allow" } })),
  ],
  [
    "with a constraint of its own",
    "constraint_not_supported",
    async () => helper(await grant(), { subject: { constraints: { rego: "allow" } } }),
  ],
  [
    "with an unknown member in its delegation",
    "constraint_not_supported",
    async () => helper(await grant(), { delegation: { maxDepth: 0 } }),
  ],
  // Chain
  ["from a grant of a stranger", "issuer_not_trusted", async () => helper(await grant({ issuer: stranger.did }, {}, stranger))],
  ["from a grant of another holder", "grant_invalid", async () => helper(await grant({}, { id: CAROL }))],
  ["by a sender that holds a copy of the grant", "grant_invalid", async () => scene.derive(MALLORY, HELPER, await grant())],
  ["for a DID that is not below the holder's", "grant_invalid", async () => scene.derive(ALICE, MALLORY, await grant())],
  ["for a DID two segments below", "grant_invalid", async () => scene.derive(ALICE, GRANDCHILD, await grant())],
  ["for the holder itself", "grant_invalid", async () => scene.derive(ALICE, ALICE, await grant())],
  [
    "that names another grant as its origin",
    "grant_invalid",
    async () => helper(await grant(), { delegation: { parentCapability: "urn:x:other" } }),
  ],
  [
    "without the grant that it was derived from",
    "grant_invalid",
    async () => helper(await grant(), { delegation: { parentCredential: "" } }),
  ],
  [
    "with something else in the place of its origin",
    "malformed",
    async () => helper(await grant(), { delegation: { parentCredential: "nonsense" } }),
  ],
  [
    "re-parented to a wider grant of the same id, after signing",
    "signature_invalid",
    async () => {
      const signed = await helper(await grant({}, { scope: [{ protocol: ORDER, messageTypes: ["create"], resource: CAROL }] }), {
        subject: EVERYTHING,
      });
      const wider = await grant({}, EVERYTHING);
      return altered(signed, {
        credentialSubject: {
          ...subjectOf(signed),
          delegation: { parentCapability: claims()["id"] ?? "", parentCredential: wider },
        },
      });
    },
  ],
  [
    "whose delegation was removed after signing",
    "issuer_not_trusted",
    async () => {
      const signed = await helper(await grant());
      return altered(signed, { credentialSubject: { ...subjectOf(signed), delegation: null } });
    },
  ],
  [
    "widened after signing",
    "signature_invalid",
    async () => {
      const signed = await helper(await grant(), { subject: { scope: [{ protocol: ORDER, messageTypes: ["read"] }] } });
      return altered(signed, { credentialSubject: { ...subjectOf(signed), ...EVERYTHING } });
    },
  ],
  [
    "whose origin was widened after signing",
    "signature_invalid",
    async () =>
      helper(
        altered(await grant({}, { scope: [{ protocol: ORDER, messageTypes: ["read"] }] }), {
          credentialSubject: { id: ALICE, ...EVERYTHING },
        }),
      ),
  ],
  ["from an unsigned grant", "alg_not_allowed", async () => helper(unsigned(await grant()))],
  [
    "from a grant that a stranger signed with the owner's key id",
    "signature_invalid",
    async () => helper(token(partsOf(await grant()).header, claims(), stranger.key.privateKey as KeyObject)),
  ],
  ["that is unsigned", "alg_not_allowed", async () => unsigned(await helper(await grant()))],
  // Time
  ["from a grant that has expired", "expired", async () => helper(await grant({ validFrom: days(-2), validUntil: days(-1) }))],
  [
    "that outlives the one before",
    "expired",
    async () => helper(await grant({ validFrom: days(-2), validUntil: days(-1) }), { members: { validUntil: days(30) } }),
  ],
  [
    "from a grant that is not valid yet",
    "not_yet_valid",
    async () => helper(await grant({ validFrom: days(1) }), { members: { validFrom: days(-1) } }),
  ],
  ["that has expired itself", "expired", async () => helper(await grant(), { members: { validFrom: days(-2), validUntil: days(-1) } })],
];

describe("a message with a derived grant that must not permit it", () => {
  it("is listed with its code in the documentation", () => {
    expect(documentedAttacks("delegation-attacks.test.ts")).toEqual(ATTACKS.map(([attack, code]) => [attack, code]));
  });

  it.each(ATTACKS)("is denied: %s (%s)", async (_, code, make) => {
    await scene.agent(ALICE);
    expect(await scene.order(HELPER, [attachment(await make())])).toEqual(["grant_not_applicable", code]);
    expect(await scene.order(HELPER, [attachment(await helper(await grant()))])).toBe("delivered");
  });

  it("is denied to all others that have a copy: to the parent, a sibling, a grandchild and a stranger", async () => {
    const signed = attachment(await helper(await grant()));
    expect(await scene.order(HELPER, [signed])).toBe("delivered");
    for (const other of [ALICE, `${ALICE}:sibling`, GRANDCHILD, MALLORY]) {
      expect(await scene.order(other, [signed])).toEqual(["grant_not_applicable", "holder_mismatch"]);
    }
  });

  it("is denied beyond four grants", async () => {
    const four = await chain(3);
    expect(await scene.order(four.holder, [attachment(four.signed)])).toBe("delivered");
    const five = await chain(4);
    expect(await scene.order(five.holder, [attachment(five.signed)])).toEqual(["grant_not_applicable", "too_large"]);
  });

  it("is denied once any grant of the chain is withdrawn, also while it was cached", async () => {
    const issuer = "did:web:localhost:owner";
    await scene.close();
    scene = await GrantScene.open({ policies: [{ did: BOB, protocols: [ORDER], grantIssuers: [issuer] }] });
    const revocable = async (of: string, credential: object): Promise<string> =>
      String((await scene.post("sign", { issuer_did: of, revocable: true, credential }))["signed_credential"]);
    const root = async (): Promise<string> => revocable(issuer, { ...claims(), issuer });
    const below = async (holder: string, child: string, origin: string): Promise<string> =>
      revocable(holder, {
        ...claims({}, { id: child, delegation: { parentCapability: partsOf(origin).payload["id"] ?? "", parentCredential: origin } }),
        issuer: holder,
        id: `urn:x:${child}`,
      });
    for (const withdrawn of [0, 1, 2]) {
      const links = [await root()];
      links.push(await below(ALICE, HELPER, links[0] ?? ""));
      links.push(await below(HELPER, GRANDCHILD, links[1] ?? ""));
      const attached = attachment(links[2] ?? "");
      for (let n = 0; n < 2; n++) expect(await scene.order(GRANDCHILD, [attached])).toBe("delivered");
      const by = [issuer, ALICE, HELPER][withdrawn];
      await scene.post("status", { issuer_did: by, signed_credential: links[withdrawn], status: "revoked" });
      expect(await scene.order(GRANDCHILD, [attached])).toEqual(["grant_not_applicable", "revoked"]);
    }
  });

  it("is denied where the policy trusts a grant of the chain, and not the first one", async () => {
    await scene.close();
    scene = await GrantScene.open({ policies: [{ did: BOB, protocols: [ORDER], grantIssuers: [ALICE] }] });
    expect(await scene.order(HELPER, [attachment(await helper(await grant()))])).toEqual(["grant_not_applicable", "issuer_not_trusted"]);
  });
});

describe("a chain of signed grants at the node", () => {
  const NAMES = ["create", "cancel"];
  const scopes = fc.array(
    fc.record({
      protocol: fc.constantFrom("*", ORDER, `${ORDER}0`),
      messageTypes: fc.subarray(["*", ...NAMES], { minLength: 0 }),
      resource: fc.constantFrom("*", BOB, CAROL, `${BOB}/*`),
    }),
    { minLength: 1, maxLength: 2 },
  );

  it("permits a message only if each of its grants permits it to its own holder", async () => {
    const HOLDERS = [ALICE, HELPER, GRANDCHILD, DEEPER];
    await fc.assert(
      fc.asyncProperty(fc.array(scopes, { minLength: 1, maxLength: 4 }), fc.constantFrom(...NAMES), async (links, name) => {
        let signed = await grant({}, { scope: links[0] ?? [] });
        for (const [index, scope] of links.entries()) {
          if (index > 0)
            signed = await scene.derive(HOLDERS[index - 1] ?? "", HOLDERS[index] ?? "", signed, {
              id: `urn:x:${index}`,
              subject: { scope },
            });
        }
        const permits = (scope: (typeof links)[number]): boolean =>
          scope.some(
            ({ protocol, messageTypes, resource }) =>
              ["*", ORDER].includes(protocol) &&
              (messageTypes.includes("*") || messageTypes.includes(name)) &&
              ["*", BOB].includes(resource),
          );
        const holder = HOLDERS[links.length - 1] ?? "";
        const outcome = await scene.order(holder, [attachment(signed)], { type: `${ORDER}/${name}` });
        expect(outcome === "delivered").toBe(links.every(permits));
      }),
      { numRuns: gateOrSoak(30, 1000) },
    );
  });
});
