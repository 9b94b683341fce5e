import type { JsonObject } from "@parley/core";
import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchGrant, matchGrantChain, readGrant, readGrantChain, type GrantRequest } from "../../src/grants-entry.ts";
import { decodeCredential } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";

const ROOT = "did:web:owner.example";
const ALICE = "did:web:alice.example";
const PROTOCOLS = ["https://a.example/orders/1.0", "https://a.example/orders/2.0"];
const NAMES = ["place", "cancel", "read"];
const RESOURCES = ["did:web:shop.example", "did:web:shop.example:x", "urn:a", "urn:a/b", "urn:a/b/c", "urn:ab"];

/** An unsigned token: chains are decoded, not verified. */
function tokenOf(credential: JsonObject): string {
  const part = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "EdDSA", typ: "vc+jwt", kid: "did:web:x#1" }), part(credential), "c2ln"].join(".");
}

interface Link {
  readonly scope: readonly JsonObject[];
  readonly constraints?: JsonObject;
  /** Changes to the credential and its delegation, after which it does not follow from the one before. */
  readonly broken?: { readonly credential?: JsonObject; readonly delegation?: JsonObject; readonly holder?: string };
}

/** A chain of grants: the owner's for Alice, then those of each holder for a DID directly below its own. */
function chainOf(links: readonly Link[]): { readonly signed: string; readonly holders: readonly string[] } {
  let [signed, issuer, holder] = ["", ROOT, ALICE];
  const holders: string[] = [];
  links.forEach(({ scope, constraints, broken }, index) => {
    const delegation =
      index === 0 ? {} : { delegation: { parentCapability: `urn:x:${index - 1}`, parentCredential: signed, ...broken?.delegation } };
    holders.push(broken?.holder ?? holder);
    signed = tokenOf({
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: `urn:x:${index}`,
      type: ["VerifiableCredential", "VerifiableGrant"],
      issuer,
      credentialSubject: { id: holders.at(-1) ?? "", scope, ...(constraints && { constraints }), ...delegation },
      ...broken?.credential,
    });
    [issuer, holder] = [holder, `${holder}:n${index}`];
  });
  return { signed, holders };
}

const scopes = fc.array(
  fc.record({
    protocol: fc.constantFrom("*", ...PROTOCOLS),
    messageTypes: fc.array(fc.constantFrom("*", ...NAMES), { maxLength: 2 }),
    resource: fc.constantFrom("*", "", "urn:a/*", ...RESOURCES),
  }),
  { minLength: 1, maxLength: 3 },
);
const link = fc.record(
  { scope: scopes, constraints: fc.option(fc.constant({ rego: "allow" }), { freq: 20, nil: undefined }) },
  { requiredKeys: ["scope"] },
);
const requests: readonly Omit<GrantRequest, "sender">[] = PROTOCOLS.flatMap((protocol) =>
  NAMES.flatMap((name) => RESOURCES.map((resource) => ({ type: `${protocol}/${name}`, resource }))),
);
const runs = { numRuns: gateOrSoak(300, 20_000) };

describe("a chain of grants", () => {
  it("permits exactly what each of its grants permits to its own holder", () => {
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 4 }), (links) => {
        const { signed, holders } = chainOf(links.map(({ scope, constraints }) => ({ scope, ...(constraints && { constraints }) })));
        const chain = readGrantChain(signed);
        expect(chain.map(({ grant }) => grant.holder)).toEqual(holders.toReversed());
        const single = chain.map(({ signed: text }) => readGrant(decodeCredential(text).credential));
        for (const request of requests) {
          const sender = holders.at(-1) ?? "";
          const { permitted } = matchGrantChain(
            chain.map(({ grant }) => grant),
            { ...request, sender },
          );
          const all = single.every((grant) => matchGrant(grant, { ...request, sender: grant.holder }).permitted);
          expect(permitted).toBe(all);
          for (const other of [ROOT, ...holders.slice(0, -1), `${sender}:x`]) {
            expect(matchGrantChain(single, { ...request, sender: other }).permitted).toBe(false);
          }
        }
      }),
      runs,
    );
  });

  const everything: Link = { scope: [{ protocol: "*", messageTypes: ["*"] }] };

  it.each<[what: string, broken: Link["broken"]]>([
    ["another issuer than the holder before", { credential: { issuer: "did:web:mallory.example" } }],
    ["the root's issuer", { credential: { issuer: ROOT } }],
    ["a holder elsewhere", { holder: "did:web:mallory.example" }],
    ["a holder whose name begins the same", { holder: `${ALICE}x` }],
    ["its issuer as the holder", { holder: ALICE }],
    ["a holder two levels below", { holder: `${ALICE}:a:b` }],
    ["a holder without a name", { holder: `${ALICE}:` }],
    ["the id of another grant", { delegation: { parentCapability: "urn:x:other" } }],
    ["no grant that it was derived from", { delegation: { parentCredential: undefined } as unknown as JsonObject }],
  ])("is invalid with %s", (_, broken) => {
    const { signed } = chainOf([everything, { ...everything, ...(broken && { broken }) }]);
    expectVcError(
      thrownBy(() => readGrantChain(signed)),
      "grant_invalid",
    );
  });

  it("has at most four grants", () => {
    expect(readGrantChain(chainOf(Array.from({ length: 4 }, () => everything)).signed)).toHaveLength(4);
    expectVcError(
      thrownBy(() => readGrantChain(chainOf(Array.from({ length: 5 }, () => everything)).signed)),
      "too_large",
    );
  });
});
