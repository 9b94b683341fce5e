import type { EpochStart } from "../../src/epoch/group-state.ts";
import { join } from "../../src/join/join.ts";
import type { KeyPackage } from "../../src/join/key-package.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import { processProposal } from "../../src/proposals/process-proposal.ts";
import type { Welcome } from "../../src/join/welcome.ts";
import { MAX_MESSAGE_BYTES } from "../../src/framing/private-message.ts";
import { readMlsMessage } from "../../src/framing/mls-message.ts";
import { fromHex, toHex } from "../vectors.ts";
import { environment } from "./environment.ts";
import { messagesOf, receiveHandshake, type EpochMember } from "./handshake-messages.ts";

/** A case of the `passive-client` vectors of the MLS working group: a member that never sends. */
export interface PassiveClient {
  readonly cipher_suite: number;
  readonly external_psks: readonly { readonly psk_id: string; readonly psk: string }[];
  readonly key_package: string;
  readonly signature_priv: string;
  readonly encryption_priv: string;
  readonly init_priv: string;
  readonly welcome: string;
  readonly ratchet_tree: string | null;
  readonly initial_epoch_authenticator: string;
  readonly epochs: readonly PassiveEpoch[];
}

/** The end of an epoch. Messages are public in the published vectors, and of both kinds in those generated here. */
export interface PassiveEpoch {
  readonly proposals: readonly string[];
  readonly commit: string;
  readonly epoch_authenticator: string;
}

/** The authenticators that a case expects, the initial one first. */
export function expectedAuthenticators(vector: PassiveClient): string[] {
  return [vector.initial_epoch_authenticator, ...vector.epochs.map((epoch) => epoch.epoch_authenticator)];
}

/** The authenticators of all epochs that the client of a case derives. */
export async function follow(vector: PassiveClient): Promise<string[]> {
  const keyPackage = readKeyPackageMessage(vector.key_package);
  const external = new Map(vector.external_psks.map(({ psk_id, psk }) => [psk_id, fromHex(psk)]));
  const resumption = new Map<bigint, Uint8Array>();
  const signer = {
    credential: keyPackage.leaf.credential,
    signatureKey: { publicKey: keyPackage.leaf.signatureKey, privateKey: fromHex(vector.signature_priv) },
  };
  const env = environment(vector.cipher_suite, signer, (id) =>
    id.kind === "external" ? external.get(toHex(id.id)) : resumption.get(id.epoch),
  );
  const secrets = { initKey: fromHex(vector.init_priv), encryptionKey: fromHex(vector.encryption_priv) };
  const tree = vector.ratchet_tree === null ? undefined : fromHex(vector.ratchet_tree);
  const memberOf = (start: EpochStart): EpochMember => ({ env, state: start.state, messages: messagesOf(env.suite, start) });
  let client = memberOf(await join(env, readWelcomeMessage(vector.welcome), { keyPackage, secrets }, tree));
  const authenticators = [toHex(client.state.secrets.epochAuthenticator)];
  for (const epoch of vector.epochs) {
    resumption.set(client.state.context.epoch, client.state.secrets.resumptionPsk);
    for (const proposal of epoch.proposals) {
      const { state } = await processProposal(env, client.state, receiveHandshake(client, fromHex(proposal)));
      client.state = state;
    }
    const { next } = await processCommit(env, client.state, receiveHandshake(client, fromHex(epoch.commit)));
    if (next === undefined) throw new TypeError("The client was removed");
    client = memberOf(next);
    authenticators.push(toHex(client.state.secrets.epochAuthenticator));
  }
  return authenticators;
}

function readKeyPackageMessage(message: string): KeyPackage {
  const wire = readMlsMessage(fromHex(message), MAX_MESSAGE_BYTES);
  if (wire.kind !== "key_package") throw new TypeError("The message isn't a key package");
  return wire.message;
}

function readWelcomeMessage(message: string): Welcome {
  const wire = readMlsMessage(fromHex(message), MAX_MESSAGE_BYTES);
  if (wire.kind !== "welcome") throw new TypeError("The message isn't a Welcome");
  return wire.message;
}
