import { ciphersuites, getCiphersuiteFromName, type CiphersuiteName } from "ts-mls/crypto/ciphersuite.js";

/** The algorithms of a cipher suite, by the names that ts-mls gives them. */
export interface RegisteredSuite {
  /** The number on the wire. */
  readonly id: number;
  readonly hash: "SHA-256" | "SHA-384" | "SHA-512";
  readonly kem: string;
  readonly aead: string;
  readonly signature: string;
}

/**
 * Looks up a cipher suite in the registry of ts-mls (RFC 9420 §17.1, and experimental suites under private numbers); `undefined` for an
 * unknown name. The registry holds names and numbers only: the algorithms themselves are in `crypto/`.
 */
export function registeredSuite(name: string): RegisteredSuite | undefined {
  if (!isRegistered(name)) return undefined;
  const { hash, hpke, signature } = getCiphersuiteFromName(name);
  return { id: ciphersuites[name], hash, kem: hpke.kem, aead: hpke.aead, signature };
}

function isRegistered(name: string): name is CiphersuiteName {
  return Object.hasOwn(ciphersuites, name);
}
