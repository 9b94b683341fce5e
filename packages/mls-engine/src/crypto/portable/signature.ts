import type { SignatureName } from "../suites.ts";
import { ed25519 } from "@noble/curves/ed25519.js";
import { ed448 } from "@noble/curves/ed448.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { MlsEngineError } from "../../errors.ts";
import { leftPad } from "../left-pad.ts";
import type { SignatureScheme } from "../primitives.ts";

const EDWARDS = { Ed25519: ed25519, Ed448: ed448 };
const NIST = { "P-256": { curve: p256, length: 32 }, "P-384": { curve: p384, length: 48 }, "P-521": { curve: p521, length: 66 } };

export function portableSignature(name: SignatureName): SignatureScheme {
  return name === "Ed25519" || name === "Ed448" ? edwards(name) : ecdsa(name);
}

function edwards(name: "Ed25519" | "Ed448"): SignatureScheme {
  const curve = EDWARDS[name];
  return {
    sign: (seed, message) => {
      if (seed.length !== curve.lengths.secretKey) throw invalidKey(name);
      return curve.sign(message, seed);
    },
    verify: (publicKey, message, signature) => {
      try {
        // The rules of RFC 8032, as OpenSSL applies them. All members of a group must accept the same signatures.
        return curve.verify(signature, message, publicKey, { zip215: false });
      } catch {
        return false;
      }
    },
    generate: () => {
      const privateKey = curve.utils.randomSecretKey();
      return { privateKey, publicKey: curve.getPublicKey(privateKey) };
    },
  };
}

/** ECDSA with DER signatures and uncompressed points (RFC 9420 §5.1.2). */
function ecdsa(name: keyof typeof NIST): SignatureScheme {
  const { curve, length } = NIST[name];
  const format = { format: "der", lowS: false } as const;
  return {
    sign: (scalar, message) => {
      const key = leftPad(scalar, length);
      if (key === undefined || !curve.utils.isValidSecretKey(key)) throw invalidKey(name);
      return curve.sign(message, key, format);
    },
    verify: (publicKey, message, signature) => {
      if (publicKey.length !== 1 + 2 * length || publicKey[0] !== 4) return false;
      try {
        return curve.verify(signature, message, publicKey, format);
      } catch {
        return false;
      }
    },
    generate: () => {
      const privateKey = curve.utils.randomSecretKey();
      return { privateKey, publicKey: curve.getPublicKey(privateKey, false) };
    },
  };
}

function invalidKey(name: string): MlsEngineError {
  return new MlsEngineError("malformed", `The bytes are not a private key of ${name}`);
}
