import { createPrivateKey, createPublicKey, randomBytes, type KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { DidError, parseDidDocument, type DidResolver } from "@parley/did";
import { createDidcommCrypto, type DidcommCrypto } from "@parley/didcomm-crypto";
import { didDocument, type PublicKeys } from "../../../src/identity/did-document.ts";
import type { PublicJwk } from "../../../src/identity/did-keys.ts";

/** What stands before the 32 bytes of a private key. */
const PKCS8 = {
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
} as const;

/** DIDs with their documents and keys: what each node of a test hosts, in one place. */
export class World {
  readonly documents = new Map<string, JsonObject>();
  readonly #keys = new Map<string, KeyObject>();
  /** Resolves without any network. */
  readonly resolver: DidResolver = {
    resolve: (did) => {
      const document = this.documents.get(did);
      return document === undefined
        ? Promise.reject(new DidError("not_found", "Unknown DID"))
        : Promise.resolve(parseDidDocument(document, did));
    },
  };

  /** Packs and unpacks for all DIDs that have been created. */
  readonly crypto: DidcommCrypto = this.cryptoWith(this.resolver);

  cryptoWith(resolver: DidResolver): DidcommCrypto {
    return createDidcommCrypto({ resolver, privateKey: (kid) => this.#keys.get(kid) });
  }

  privateKey(kid: string): KeyObject | undefined {
    return this.#keys.get(kid);
  }

  /** Makes keys and a document for a DID. */
  create(did: string, baseUrl: string): string {
    const keys: PublicKeys = { signing: this.#key(`${did}#signing`, "Ed25519"), agreement: this.#key(`${did}#agreement`, "X25519") };
    this.documents.set(did, didDocument(did, keys, baseUrl));
    return did;
  }

  /** Changes the endpoint of a DID's document. */
  setEndpoint(did: string, serviceEndpoint: JsonObject | string | readonly (JsonObject | string)[] | undefined): void {
    const { service: _, ...document } = this.documents.get(did) ?? {};
    if (serviceEndpoint === undefined) this.documents.set(did, document);
    else {
      const service = [{ id: `${did}#didcomm`, type: "DIDCommMessaging", serviceEndpoint }];
      this.documents.set(did, JSON.parse(JSON.stringify({ ...document, service })) as JsonObject);
    }
  }

  #key(kid: string, crv: PublicJwk["crv"]): PublicJwk {
    const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8[crv], randomBytes(32)]), format: "der", type: "pkcs8" });
    this.#keys.set(kid, privateKey);
    const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
    return { kty: "OKP", crv, x };
  }
}
