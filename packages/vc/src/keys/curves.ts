/** Curves of the supported keys. */
export type Curve = "Ed25519" | "P-256" | "P-384" | "P-521" | "secp256k1";

/** A public key that is ready to verify signatures. */
export interface VerifyingKey {
  readonly curve: Curve;
  /** Whether a signature was made with this key. ECDSA signatures are R and S (RFC 7518, section 3.4). */
  verify(signature: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

/** A private key that is ready to sign. */
export interface PrivateKey {
  readonly curve: Curve;
  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** JWS algorithms of each curve, the one used for signing first (RFC 7518, RFC 8037, RFC 8812, RFC 9864). */
export const ALGORITHMS: Readonly<Record<Curve, readonly [string, ...string[]]>> = {
  Ed25519: ["EdDSA", "Ed25519"],
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  "P-521": ["ES512"],
  secp256k1: ["ES256K"],
};

/** Whether a curve is supported. */
export function isCurve(name: string | undefined): name is Curve {
  return name !== undefined && Object.hasOwn(ALGORITHMS, name);
}
