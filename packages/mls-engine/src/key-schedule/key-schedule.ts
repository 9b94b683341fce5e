import { mlsExporter } from "ts-mls";
import { initializeKeySchedule, type KeySchedule } from "ts-mls/keySchedule.js";
import { MlsError } from "../errors.ts";
import { encode } from "../codec/codec.ts";
import { derive, erase, expand, type Suite } from "../crypto/labels.ts";
import { writePskId, type PskId } from "../codec/structures.ts";

/** The secrets that an epoch keeps (RFC 9420 §8, table 4), all but the encryption secret. */
export type EpochSecrets = KeySchedule;

/** What comes out of the key schedule when an epoch starts. */
export interface NewEpoch {
  readonly secrets: EpochSecrets;
  /** For the secret tree, which erases it. */
  readonly encryptionSecret: Uint8Array;
}

/** The joiner secret (RFC 9420 §8, figure 22). */
export async function joinerSecret(suite: Suite, init: Uint8Array, commit: Uint8Array, context: Uint8Array): Promise<Uint8Array> {
  const extracted = await suite.kdf.extract(init, commit);
  const joiner = await expand(suite, extracted, "joiner", context);
  erase(extracted);
  return joiner;
}

export async function welcomeSecret(suite: Suite, joiner: Uint8Array, psk: Uint8Array): Promise<Uint8Array> {
  const extracted = await suite.kdf.extract(joiner, psk);
  const welcome = await derive(suite, extracted, "welcome");
  erase(extracted);
  return welcome;
}

export async function epochOf(suite: Suite, joiner: Uint8Array, psk: Uint8Array, context: Uint8Array): Promise<NewEpoch> {
  const extracted = await suite.kdf.extract(joiner, psk);
  const epochSecret = await expand(suite, extracted, "epoch", context);
  erase(extracted);
  return fromEpochSecret(suite, epochSecret);
}

/** The first epoch of a group (RFC 9420 §11). */
export function firstEpoch(suite: Suite): Promise<NewEpoch> {
  return fromEpochSecret(suite, suite.rng.randomBytes(suite.kdf.size));
}

/** The combined secret of several pre-shared keys (RFC 9420 §8.4); zeros when there are none. */
export async function combinePsks(suite: Suite, ids: readonly PskId[], find: (id: PskId) => Uint8Array | undefined): Promise<Uint8Array> {
  const zeros = new Uint8Array(suite.kdf.size);
  let secret: Uint8Array = new Uint8Array(suite.kdf.size);
  for (const [index, id] of ids.entries()) {
    const psk = find(id);
    if (psk === undefined) throw new MlsError("unknown_psk", "A pre-shared key is not known here");
    const label = encode((w) => {
      writePskId(w, id);
      w.u16(index).u16(ids.length);
    });
    const extracted = await suite.kdf.extract(zeros, psk);
    const input = await expand(suite, extracted, "derived psk", label);
    secret = await suite.kdf.extract(input, secret);
    erase(extracted, input);
  }
  return secret;
}

/** RFC 9420 §8.5. */
export function exportFrom(suite: Suite, secrets: EpochSecrets, label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
  return mlsExporter(secrets.exporterSecret, label, context, length, suite);
}

/** What a key schedule holds, in the order in which it is stored. */
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

async function fromEpochSecret(suite: Suite, epochSecret: Uint8Array): Promise<NewEpoch> {
  const secrets = await initializeKeySchedule(epochSecret, suite.kdf);
  const encryptionSecret = await derive(suite, epochSecret, "encryption");
  erase(epochSecret);
  return { secrets, encryptionSecret };
}
