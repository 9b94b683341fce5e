/** What the tests use of libraries that come without types. */
declare module "@digitalbazaar/eddsa-jcs-2022-cryptosuite" {
  export const createSignCryptosuite: () => object;
  export const createVerifyCryptosuite: () => object;
}

declare module "@digitalbazaar/ed25519-multikey" {
  interface KeyPair {
    id: string;
    controller: string;
    readonly publicKeyMultibase: string;
    signer(): object;
  }
  export function generate(): Promise<KeyPair>;
}

declare module "@digitalbazaar/data-integrity" {
  type Json = import("@parley/core").JsonObject;
  export class DataIntegrityProof {
    constructor(options: { cryptosuite: object; signer?: object; date?: string });
    createProof(options: { document: Json; purpose: { update(proof: Json): Promise<Json> } }): Promise<Json>;
    verifyProof(options: {
      document: Json;
      proof: Json;
      documentLoader(url: string): Promise<{ document: Json }>;
    }): Promise<{ verified: boolean; error?: Error }>;
  }
}
