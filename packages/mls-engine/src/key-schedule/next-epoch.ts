import { encodeGroupContext, type GroupContext, type PskId } from "../codec/structures.ts";
import { erase } from "../crypto/labels.ts";
import type { Environment } from "../epoch/environment.ts";
import type { GroupState } from "../epoch/group-state.ts";
import type { Handshake } from "../framing/framed-content.ts";
import { combinePsks, epochOf, joinerSecret, welcomeSecret, type NewEpoch } from "./key-schedule.ts";
import { nextConfirmedHash } from "./transcript-hash.ts";

/** The epoch that a commit begins. */
export interface NextEpoch extends NewEpoch {
  readonly context: GroupContext;
  readonly confirmationTag: Uint8Array;
  /** For the Welcome. The caller erases both secrets. */
  readonly joiner: Uint8Array;
  readonly welcome: Uint8Array;
}

/**
 * Runs the key schedule from one epoch to the next (RFC 9420 §8, §12.4). Called for own commits and for those of others. Erases the commit
 * secret.
 *
 * @param provisional the GroupContext of the next epoch, with the transcript hash of the current one
 * @throws MlsEngineError `unknown_psk`
 */
export function nextEpoch(
  env: Environment,
  state: GroupState,
  provisional: GroupContext,
  psks: readonly PskId[],
  commitSecret: Uint8Array,
  commit: Omit<Handshake, "confirmationTag">,
): NextEpoch {
  const { suite } = env;
  // The hash covers this commit, signature included, but not its confirmation tag, which is computed from it (§8.2).
  const confirmedTranscriptHash = nextConfirmedHash(suite, state.context, state.confirmationTag, commit);
  const context = { ...provisional, confirmedTranscriptHash };
  const encoded = encodeGroupContext(context);
  const psk = combinePsks(suite, psks, env.findPsk);
  const joiner = joinerSecret(suite, state.secrets.initSecret, commitSecret, encoded);
  const welcome = welcomeSecret(suite, joiner, psk);
  const epoch = epochOf(suite, joiner, psk, encoded);
  const confirmationTag = suite.mac(epoch.secrets.confirmationKey, confirmedTranscriptHash);
  erase(commitSecret, psk);
  return { ...epoch, context, confirmationTag, joiner, welcome };
}
