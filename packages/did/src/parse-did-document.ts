import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { checkValues, IS_NOT_NEGATIVE, isJsonArray, rejectUnknownOptions } from "@parley/core/internal";
import { DidError } from "./did-error.ts";
import { isDid } from "./did-syntax.ts";
import type { DidDocument, Service, VerificationMethod, VerificationRelationship } from "./did-document.ts";
import { isPrivateJwk } from "./jwk.ts";

/** Limits on the content of a DID document. Its size in bytes is limited by the method that fetches it. */
export interface DidDocumentLimits {
  /** Verification methods, and entries of each relationship. Default 64. */
  readonly maxMethods: number;
  /** Services. Default 32. */
  readonly maxServices: number;
  /** Entries of any other list: endpoints and types of a service, controllers, aliases. Default 32. */
  readonly maxEntries: number;
  /** Characters of an id, a type, a URI or a key. Default 2048. */
  readonly maxTextLength: number;
}

const DEFAULT_LIMITS: DidDocumentLimits = { maxMethods: 64, maxServices: 32, maxEntries: 32, maxTextLength: 2048 };

/** Most levels of nesting of an endpoint or a JWK. DIDComm endpoints need 2. */
const MAX_DEPTH = 6;

/**
 * Checks and normalizes a DID document. Its `id` must equal the requested DID.
 *
 * Verification methods with the id of another DID are omitted: only the document of that DID can define its keys. Keys are decoded later, by
 * {@link publicKeyJwk}, so that an unsupported key does not make the whole document unusable.
 *
 * @param value parsed JSON.
 * @throws DidError `document_invalid` or `too_large`, naming the member.
 * @throws TypeError if a limit is invalid.
 * @see {@link https://www.w3.org/TR/did-core/#core-properties | DID Core, Core Properties}
 */
export function parseDidDocument(value: unknown, did: string, limits: Partial<DidDocumentLimits> = {}): DidDocument {
  return new DocumentReader(did, readLimits(limits)).read(value);
}

/**
 * Fills in the defaults of the limits.
 *
 * @throws TypeError naming a limit that is unknown or invalid: with NaN, for example, nothing would be limited.
 */
export function readLimits(limits: Partial<DidDocumentLimits> = {}): DidDocumentLimits {
  const names = ["maxMethods", "maxServices", "maxEntries", "maxTextLength"] as const;
  rejectUnknownOptions(limits, names, "limits.");
  checkValues(limits, IS_NOT_NEGATIVE, names);
  const { maxMethods, maxServices, maxEntries, maxTextLength } = DEFAULT_LIMITS;
  return {
    maxMethods: limits.maxMethods ?? maxMethods,
    maxServices: limits.maxServices ?? maxServices,
    maxEntries: limits.maxEntries ?? maxEntries,
    maxTextLength: limits.maxTextLength ?? maxTextLength,
  };
}

class DocumentReader {
  readonly #did: string;
  readonly #caps: DidDocumentLimits;
  readonly #methods = new Map<string, VerificationMethod>();

  constructor(did: string, caps: DidDocumentLimits) {
    this.#did = did;
    this.#caps = caps;
  }

  read(value: unknown): DidDocument {
    if (!isJsonObject(value)) throw invalid("A DID document must be a JSON object");
    if (value["id"] !== this.#did) throw invalid("The id of the document is not the requested DID");
    for (const method of this.#list(value["verificationMethod"], "verificationMethod", this.#caps.maxMethods)) this.#addMethod(method);
    const relationships = {
      authentication: this.#relationship(value, "authentication"),
      assertionMethod: this.#relationship(value, "assertionMethod"),
      keyAgreement: this.#relationship(value, "keyAgreement"),
      capabilityInvocation: this.#relationship(value, "capabilityInvocation"),
      capabilityDelegation: this.#relationship(value, "capabilityDelegation"),
    };
    const service = this.#list(value["service"], "service", this.#caps.maxServices).map((entry) => this.#service(entry));
    const { alsoKnownAs, controller, keyRotations } = value;
    return {
      id: this.#did,
      ...(alsoKnownAs === undefined ? {} : { alsoKnownAs: this.#texts(alsoKnownAs, "alsoKnownAs") }),
      ...(controller === undefined ? {} : { controller: this.#texts(controller, "controller").map((did) => readDid(did, "controller")) }),
      verificationMethod: [...this.#methods.values()],
      ...relationships,
      service,
      ...(keyRotations === undefined ? {} : { keyRotations: this.#texts(keyRotations, "keyRotations") }),
    };
  }

  /** Adds a verification method and returns its id. */
  #addMethod(value: JsonValue): string {
    if (!isJsonObject(value)) throw invalid("A verification method must be an object");
    const id = this.#absolute(this.#text(value["id"], "verificationMethod.id"));
    if (!id.startsWith(`${this.#did}#`)) return id;
    if (this.#methods.has(id)) throw invalid("Two verification methods have the same id");
    if (this.#methods.size >= this.#caps.maxMethods) throw tooLarge("verificationMethod", this.#caps.maxMethods);
    const { publicKeyJwk, publicKeyMultibase, publicKeyBase58, publicKeyHex } = value;
    this.#methods.set(id, {
      id,
      type: this.#text(value["type"], "verificationMethod.type"),
      controller: readDid(this.#text(value["controller"], "verificationMethod.controller"), "verificationMethod.controller"),
      ...(publicKeyJwk === undefined ? {} : { publicKeyJwk: this.#jwk(publicKeyJwk) }),
      ...(publicKeyMultibase === undefined ? {} : { publicKeyMultibase: this.#text(publicKeyMultibase, "publicKeyMultibase") }),
      ...(publicKeyBase58 === undefined ? {} : { publicKeyBase58: this.#text(publicKeyBase58, "publicKeyBase58") }),
      ...(publicKeyHex === undefined ? {} : { publicKeyHex: this.#text(publicKeyHex, "publicKeyHex") }),
    });
    return id;
  }

  #jwk(value: JsonValue): JsonObject {
    if (!isJsonObject(value)) throw invalid("publicKeyJwk must be an object");
    if (isPrivateJwk(value)) throw invalid("publicKeyJwk contains a private key");
    return this.#shallow(value, "publicKeyJwk");
  }

  #relationship(value: JsonObject, name: VerificationRelationship): readonly string[] {
    const entries = this.#list(value[name], name, this.#caps.maxMethods);
    return entries.map((entry) => (isJsonObject(entry) ? this.#addMethod(entry) : this.#absolute(this.#text(entry, name))));
  }

  #service(value: JsonValue): Service {
    if (!isJsonObject(value)) throw invalid("A service must be an object");
    const { type, serviceEndpoint } = value;
    return {
      id: this.#absolute(this.#text(value["id"], "service.id")),
      type: isJsonArray(type) ? this.#texts(type, "service.type") : this.#text(type, "service.type"),
      serviceEndpoint: isJsonArray(serviceEndpoint)
        ? this.#list(serviceEndpoint, "serviceEndpoint", this.#caps.maxEntries).map((entry) => this.#endpoint(entry))
        : this.#endpoint(serviceEndpoint),
    };
  }

  #endpoint(value: JsonValue | undefined): string | JsonObject {
    return isJsonObject(value) ? this.#shallow(value, "serviceEndpoint") : this.#text(value, "serviceEndpoint");
  }

  #shallow(value: JsonObject, member: string): JsonObject {
    if (isDeeper(value, MAX_DEPTH)) throw tooLarge(`The nesting of ${member}`, MAX_DEPTH);
    return value;
  }

  #absolute(id: string): string {
    return id.startsWith("#") ? this.#did + id : id;
  }

  #list(value: JsonValue | undefined, member: string, max: number): readonly JsonValue[] {
    if (value === undefined) return [];
    if (!isJsonArray(value)) throw invalid(`${member} must be a list`);
    if (value.length > max) throw tooLarge(member, max);
    return value;
  }

  /** A string, or a list of strings. */
  #texts(value: JsonValue, member: string): readonly string[] {
    const entries = isJsonArray(value) ? this.#list(value, member, this.#caps.maxEntries) : [value];
    return entries.map((entry) => this.#text(entry, member));
  }

  #text(value: JsonValue | undefined, member: string): string {
    if (typeof value !== "string" || value === "") throw invalid(`${member} must be a non-empty string`);
    if (value.length > this.#caps.maxTextLength) throw tooLarge(`The length of ${member}`, this.#caps.maxTextLength);
    return value;
  }
}

function readDid(text: string, member: string): string {
  if (!isDid(text)) throw invalid(`${member} must be a DID`);
  return text;
}

/** Recursion stops at the limit, so that nesting cannot overflow the stack. */
function isDeeper(value: JsonValue | undefined, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value as JsonObject).some((member) => isDeeper(member, limit - 1));
}

function invalid(message: string): DidError {
  return new DidError("document_invalid", message);
}

function tooLarge(member: string, max: number): DidError {
  return new DidError("too_large", `${member} exceeds ${max}`);
}
