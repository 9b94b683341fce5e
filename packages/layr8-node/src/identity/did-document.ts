import type { JsonObject } from "@parley/core";
import type { KeyPurpose, PublicJwk } from "./did-keys.ts";

/** Public keys of a hosted DID. */
export type PublicKeys = { readonly [purpose in KeyPurpose]: PublicJwk };

/**
 * Builds the document of a hosted DID: its keys as JsonWebKey2020, and the node's DIDComm endpoint.
 *
 * @param baseUrl origin under which other nodes reach this one.
 * @param mediator DID of the mediator through which it is reached first.
 * @see {@link https://www.w3.org/TR/did-core/#core-properties | DID Core, Core Properties}
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#service-endpoint | DIDComm v2.1, Service Endpoint}
 */
export function didDocument(did: string, keys: PublicKeys, baseUrl: string, mediator?: string): JsonObject {
  const own = { uri: `${baseUrl.replace(/\/+$/, "")}/didcomm`, accept: ["didcomm/v2"] };
  const signing = `${did}#signing`;
  const agreement = `${did}#agreement`;
  return {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
    id: did,
    verificationMethod: [
      { id: signing, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...keys.signing } },
      { id: agreement, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...keys.agreement } },
    ],
    authentication: [signing],
    assertionMethod: [signing],
    keyAgreement: [agreement],
    service: [
      {
        id: `${did}#didcomm`,
        type: "DIDCommMessaging",
        serviceEndpoint: mediator === undefined ? own : [{ uri: mediator, accept: ["didcomm/v2"] }, own],
      },
    ],
  };
}
