import type { JsonObject } from "@parley/core";
import { keysInDocument, type AgentKeys } from "./agent-keys.ts";
import type { KeyPurpose, PublicJwk } from "./did-keys.ts";

const CONTEXT = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"];

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
  const signing = `${did}#signing`;
  const agreement = `${did}#agreement`;
  return {
    "@context": CONTEXT,
    id: did,
    verificationMethod: [
      { id: signing, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...keys.signing } },
      { id: agreement, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...keys.agreement } },
    ],
    authentication: [signing],
    assertionMethod: [signing],
    keyAgreement: [agreement],
    service: [serviceOf(did, baseUrl, mediator)],
  };
}

/** Builds the document of a hosted DID whose agent holds its keys itself. @param now milliseconds since 1970 */
export function agentDocument(
  did: string,
  keys: AgentKeys,
  { baseUrl, mediator, now }: { readonly baseUrl: string; readonly mediator: string | undefined; readonly now: number },
): JsonObject {
  return { "@context": CONTEXT, id: did, ...keysInDocument(did, keys, now), service: [serviceOf(did, baseUrl, mediator)] };
}

function serviceOf(did: string, baseUrl: string, mediator: string | undefined): JsonObject {
  const own = { uri: `${baseUrl.replace(/\/+$/, "")}/didcomm`, accept: ["didcomm/v2"] };
  return {
    id: `${did}#didcomm`,
    type: "DIDCommMessaging",
    serviceEndpoint: mediator === undefined ? own : [{ uri: mediator, accept: ["didcomm/v2"] }, own],
  };
}
