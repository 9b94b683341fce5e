import { createMessage } from "@parley/core";
import { createDidcommCrypto, pack, unpack } from "@parley/didcomm-crypto";
import { BareCrypto } from "./didcomm-crypto-bare.ts";
import { createParty, resolverOf } from "./didcomm-crypto-parties.ts";
import { DidcommNode } from "./didcomm-crypto-peer.ts";
import { measure, type Variant } from "./harness.ts";

const OURS = "ours";
const BY_DID = "ours, keys from documents";
const BARE = "node:crypto alone";
const PEER = "didcomm-node 0.4.1 (Rust, wasm)";
const ROUND_MS = 1000;

/** A short authcrypt message between two DIDs with a key of X25519 each, which have been imported already; in this process alone. */
export async function didcommCrypto(): Promise<void> {
  const [alice, bob] = [createParty("did:example:alice"), createParty("did:example:bob")];
  const message = createMessage({
    id: "1234567890",
    type: "https://didcomm.org/basicmessage/2.0/message",
    from: alice.did,
    to: bob.did,
    body: { content: "Hello" },
  });
  const crypto = createDidcommCrypto({
    resolver: resolverOf(alice, bob),
    privateKey: (kid) => [alice, bob].find((party) => party.kid === kid)?.privateKey,
  });
  const peer = new DidcommNode(alice, bob);
  const bare = new BareCrypto(alice, bob);

  await measure({
    title: "DIDComm: pack a short authcrypt message, X25519",
    unit: "messages per second of CPU time",
    baseline: PEER,
    variants: [
      each(OURS, async () => pack(message, { from: alice, to: bob })),
      each(BY_DID, () => crypto.pack(message, { from: alice.did, to: bob.did })),
      each(BARE, async () => bare.pack()),
      each(PEER, () => peer.pack(message)),
    ],
  });

  const text = pack(message, { from: alice, to: bob });
  const keys = { recipientKey: () => bob.privateKey, senderKey: () => alice.publicKey };
  await measure({
    title: "DIDComm: unpack it",
    unit: "messages per second of CPU time",
    baseline: PEER,
    variants: [
      each(OURS, () => unpack(text, keys)),
      each(BY_DID, () => crypto.unpack(text)),
      each(BARE, async () => bare.unpack()),
      each(PEER, () => peer.unpack(text)),
    ],
  });
}

/** Messages in a second of CPU time, all threads of this process counted: whatever else the machine does changes it little. */
function each(name: string, task: () => Promise<unknown>): Variant {
  return {
    name,
    run: async () => {
      const [began, until] = [process.cpuUsage(), performance.now() + ROUND_MS];
      let done = 0;
      for (; performance.now() < until; done++) await task();
      const { user, system } = process.cpuUsage(began);
      return (done / (user + system)) * 1e6;
    },
  };
}
