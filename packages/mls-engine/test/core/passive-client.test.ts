import { expect, it } from "vitest";
import { decodeWhole, Reader } from "../../src/core/codec.ts";
import type { Environment } from "../../src/core/environment.ts";
import type { GroupState } from "../../src/core/group-state.ts";
import type { Handshake } from "../../src/core/framing.ts";
import { join } from "../../src/core/join.ts";
import { readKeyPackage } from "../../src/core/key-package.ts";
import { processCommit } from "../../src/core/process-commit.ts";
import { processProposal } from "../../src/core/process-proposal.ts";
import { openPublicMessage, readPublicMessage } from "../../src/core/public-message.ts";
import { readWelcome } from "../../src/core/welcome.ts";
import { describeVectors, fromHex, toHex } from "../vectors.ts";
import { environment } from "./environment.ts";

interface PassiveClient {
  readonly cipher_suite: number;
  readonly external_psks: readonly { readonly psk_id: string; readonly psk: string }[];
  readonly key_package: string;
  readonly signature_priv: string;
  readonly encryption_priv: string;
  readonly init_priv: string;
  readonly welcome: string;
  readonly ratchet_tree: string | null;
  readonly initial_epoch_authenticator: string;
  readonly epochs: readonly { readonly proposals: readonly string[]; readonly commit: string; readonly epoch_authenticator: string }[];
}

for (const name of ["passive-client-welcome", "passive-client-handling-commit"]) {
  describeVectors(name, (cases) => {
    it.each((cases as readonly PassiveClient[]).map((vector, i) => [i, vector] as const))("case %i", async (_, vector) => {
      const expected = [vector.initial_epoch_authenticator, ...vector.epochs.map((epoch) => epoch.epoch_authenticator)];
      expect(await follow(vector)).toEqual(expected);
    });
  });
}

/** The authenticators of all epochs that a client comes through. */
async function follow(vector: PassiveClient): Promise<string[]> {
  const keyPackage = decodeWhole(body(vector.key_package), readKeyPackage);
  const external = new Map(vector.external_psks.map(({ psk_id, psk }) => [psk_id, fromHex(psk)]));
  const resumption = new Map<bigint, Uint8Array>();
  const signer = {
    credential: keyPackage.leaf.credential,
    signatureKey: { publicKey: keyPackage.leaf.signatureKey, privateKey: fromHex(vector.signature_priv) },
  };
  const env = await environment(vector.cipher_suite, signer, (id) =>
    id.kind === "external" ? external.get(toHex(id.id)) : resumption.get(id.epoch),
  );
  const secrets = { initKey: fromHex(vector.init_priv), encryptionKey: fromHex(vector.encryption_priv) };
  const tree = vector.ratchet_tree === null ? undefined : fromHex(vector.ratchet_tree);
  const joined = await join(env, decodeWhole(body(vector.welcome), readWelcome), { keyPackage, secrets }, tree);
  let { state } = joined;
  const authenticators = [toHex(state.secrets.epochAuthenticator)];
  for (const epoch of vector.epochs) {
    resumption.set(state.context.epoch, state.secrets.resumptionPsk);
    for (const proposal of epoch.proposals) {
      ({ state } = await processProposal(env, state, await open(env, state, proposal)));
    }
    const { next } = await processCommit(env, state, await open(env, state, epoch.commit));
    if (next === undefined) throw new TypeError("No vector removes its client");
    ({ state } = next);
    authenticators.push(toHex(state.secrets.epochAuthenticator));
  }
  return authenticators;
}

function open(env: Environment, state: GroupState, message: string): Promise<Handshake> {
  const reader = new Reader(body(message));
  return openPublicMessage(env, state, readPublicMessage(reader));
}

/** An MLSMessage without its version and wire format. */
function body(message: string): Uint8Array {
  return fromHex(message).subarray(4);
}
