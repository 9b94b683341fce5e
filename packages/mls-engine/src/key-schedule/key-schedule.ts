import { writePskId, type PskId } from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { deriveSecret, erase, expandWithLabel } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";

/*
 * The key schedule of RFC 9420 §8. From one epoch to the next:
 *
 *   init secret of the old epoch ─ Extract(commit secret) ─ "joiner" → joiner secret
 *   joiner secret ─ Extract(psk secret) ┬─ "welcome" → welcome secret (encrypts the GroupInfo for new members)
 *                                       └─ "epoch"   → epoch secret → the secrets below
 *
 * A member that was removed knows the init secret but not the commit secret; a new member gets the joiner secret and can't compute back
 * to the old epoch. Each intermediate secret is erased as soon as the next one is derived.
 */

/** The secrets that an epoch keeps ([RFC 9420 §8, table 4](https://www.rfc-editor.org/rfc/rfc9420.html#section-8)): all but the encryption secret. */
export interface EpochSecrets {
  readonly initSecret: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly exporterSecret: Uint8Array;
  readonly externalSecret: Uint8Array;
  readonly confirmationKey: Uint8Array;
  readonly membershipKey: Uint8Array;
  readonly resumptionPsk: Uint8Array;
  readonly epochAuthenticator: Uint8Array;
}

/** The result of the key schedule for an epoch. */
export interface NewEpoch {
  readonly secrets: EpochSecrets;
  /** The root of the secret tree, which erases it. */
  readonly encryptionSecret: Uint8Array;
}

/** The joiner secret (RFC 9420 §8). New members get it in a Welcome. */
export function joinerSecret(suite: CipherSuite, init: Uint8Array, commit: Uint8Array, context: Uint8Array): Uint8Array {
  const extracted = suite.extract(init, commit);
  const joiner = expandWithLabel(suite, extracted, "joiner", context);
  erase(extracted);
  return joiner;
}

/** The welcome secret (RFC 9420 §8), which encrypts the GroupInfo of a Welcome. */
export function welcomeSecret(suite: CipherSuite, joiner: Uint8Array, psk: Uint8Array): Uint8Array {
  const extracted = suite.extract(joiner, psk);
  const welcome = deriveSecret(suite, extracted, "welcome");
  erase(extracted);
  return welcome;
}

/** The secrets of an epoch, from its joiner secret. Called by members for a commit and by new members for a Welcome. */
export function epochOf(suite: CipherSuite, joiner: Uint8Array, psk: Uint8Array, context: Uint8Array): NewEpoch {
  const extracted = suite.extract(joiner, psk);
  const epochSecret = expandWithLabel(suite, extracted, "epoch", context);
  erase(extracted);
  return fromEpochSecret(suite, epochSecret);
}

/** The first epoch of a group, from a random epoch secret (RFC 9420 §11). */
export function firstEpoch(suite: CipherSuite): NewEpoch {
  return fromEpochSecret(suite, suite.random(suite.hashLength));
}

/**
 * The PSK secret: several pre-shared keys combined ([RFC 9420 §8.4](https://www.rfc-editor.org/rfc/rfc9420.html#section-8.4)). Zeros if the
 * list is empty.
 *
 * @throws MlsEngineError `unknown_psk`
 */
export function combinePsks(suite: CipherSuite, ids: readonly PskId[], find: (id: PskId) => Uint8Array | undefined): Uint8Array {
  const zeros = new Uint8Array(suite.hashLength);
  let secret: Uint8Array = new Uint8Array(suite.hashLength);
  for (const [index, id] of ids.entries()) {
    const psk = find(id);
    if (psk === undefined) throw new MlsEngineError("unknown_psk", "The commit or Welcome uses an unknown pre-shared key");
    // PSKLabel binds each key to its place and their number: keys can't be reordered or left out (§8.4).
    const label = encode((w) => {
      writePskId(w, id);
      w.u16(index).u16(ids.length);
    });
    const extracted = suite.extract(zeros, psk);
    const input = expandWithLabel(suite, extracted, "derived psk", label);
    secret = suite.extract(input, secret);
    erase(extracted, input);
  }
  return secret;
}

/** MLS-Exporter ([RFC 9420 §8.5](https://www.rfc-editor.org/rfc/rfc9420.html#section-8.5)). */
export function exportSecret(suite: CipherSuite, secrets: EpochSecrets, label: string, context: Uint8Array, length: number): Uint8Array {
  const derived = deriveSecret(suite, secrets.exporterSecret, label);
  const exported = expandWithLabel(suite, derived, "exported", suite.hash(context), length);
  erase(derived);
  return exported;
}

/** All secrets that an epoch keeps, in the order in which they are stored. */
export function secretsOf(s: EpochSecrets): Uint8Array[] {
  return [
    s.initSecret,
    s.senderDataSecret,
    s.exporterSecret,
    s.externalSecret,
    s.confirmationKey,
    s.membershipKey,
    s.resumptionPsk,
    s.epochAuthenticator,
  ];
}

function fromEpochSecret(suite: CipherSuite, epochSecret: Uint8Array): NewEpoch {
  const derive = (label: string): Uint8Array => deriveSecret(suite, epochSecret, label);
  const epoch = {
    secrets: {
      initSecret: derive("init"),
      senderDataSecret: derive("sender data"),
      exporterSecret: derive("exporter"),
      externalSecret: derive("external"),
      confirmationKey: derive("confirm"),
      membershipKey: derive("membership"),
      resumptionPsk: derive("resumption"),
      epochAuthenticator: derive("authentication"),
    },
    encryptionSecret: derive("encryption"),
  };
  erase(epochSecret);
  return epoch;
}
