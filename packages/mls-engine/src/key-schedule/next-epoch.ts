import type { Environment } from "../epoch/environment.ts";
import { encodeGroupContext, nextConfirmedHash, type Handshake } from "../framing/framed-content.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { combinePsks, epochOf, joinerSecret, welcomeSecret, type NewEpoch } from "./key-schedule.ts";
import { erase } from "../crypto/labels.ts";
import type { GroupContext, PskId } from "../codec/structures.ts";

/** An epoch that a commit leads to. */
export interface NextEpoch extends NewEpoch {
  readonly context: GroupContext;
  readonly confirmationTag: Uint8Array;
  /** For the Welcome; whoever asked for it erases it. */
  readonly joiner: Uint8Array;
  readonly welcome: Uint8Array;
}

/** Goes through the key schedule from one epoch to the next (RFC 9420 §8, §12.4). Erases the commit secret. */
export async function nextEpoch(
  env: Environment,
  state: GroupState,
  provisional: GroupContext,
  psks: readonly PskId[],
  commitSecret: Uint8Array,
  commit: Omit<Handshake, "confirmationTag">,
): Promise<NextEpoch> {
  const { suite } = env;
  const confirmedTranscriptHash = await nextConfirmedHash(suite, state.context, state.confirmationTag, commit);
  const context = { ...provisional, confirmedTranscriptHash };
  const encoded = encodeGroupContext(context);
  const psk = await combinePsks(suite, psks, env.findPsk);
  const joiner = await joinerSecret(suite, state.secrets.initSecret, commitSecret, encoded);
  const welcome = await welcomeSecret(suite, joiner, psk);
  const epoch = await epochOf(suite, joiner, psk, encoded);
  const confirmationTag = await suite.hash.mac(epoch.secrets.confirmationKey, confirmedTranscriptHash);
  erase(commitSecret, psk);
  return { ...epoch, context, confirmationTag, joiner, welcome };
}
