import { forge, forgeSigned, type ForgeOptions } from "../../../../packages/didcomm-crypto/test/forge.ts";
import { createParty, reading, type TestKey } from "../../../../packages/didcomm-crypto/test/parties.ts";
import { DidcommCryptoError, unpack } from "../../../../packages/didcomm-crypto/src/index.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";

const ALICE = "did:example:alice";
const BOB = "did:example:bob";

/** How an envelope is made; whatever it says is encrypted and signed with the right keys. */
interface Draft {
  readonly curve?: unknown;
  /** Anonymous encryption, authenticated encryption, or a signature; or a signature within the encryption. */
  readonly kind?: unknown;
  readonly enc?: unknown;
  readonly content?: unknown;
  /** Members that take the place of those of the protected header, each recipient's header, and the envelope. */
  readonly protected?: unknown;
  readonly recipient?: unknown;
  readonly envelope?: unknown;
}

const plaintext = { id: "1", type: "https://example.org/p/1.0/hello", from: ALICE, to: [BOB], body: { n: 1 }, thid: "2", created_time: 1 };
const SEEDS: readonly Draft[] = [
  ...["auth", "anon", "signed", "auth signed", "anon auth"].map((kind) => ({ kind, content: plaintext })),
  { kind: "auth", curve: "P-256", enc: "A256CBC-HS512", content: plaintext, protected: { typ: "application/didcomm-encrypted+json" } },
  { kind: "anon", curve: "P-384", enc: "A256GCM", content: plaintext, recipient: { header: {} }, envelope: { unprotected: {} } },
  { kind: "auth", curve: "P-521", content: plaintext, protected: { apu: "AAAA", apv: "AAAA", skid: `${ALICE}#p-521-1`, epk: {} } },
];

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function memberOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function parse(input: Uint8Array): Draft | undefined {
  try {
    return memberOf(JSON.parse(Buffer.from(input).toString()));
  } catch {
    return undefined;
  }
}

/** Encrypted and signed DIDComm messages: valid cryptography around whatever the input says. */
export const open: OpenTarget = async () => {
  const [alice, bob] = [createParty(ALICE), createParty(BOB)];
  const bobReads = reading(bob, alice);

  function envelopeOf(draft: Draft): string {
    const curve = (["X25519", "P-256", "P-384", "P-521"] as const).find((known) => known === draft.curve) ?? "X25519";
    const kinds = String(draft.kind).split(" ").slice(0, 4);
    let content = typeof draft.content === "string" ? draft.content : JSON.stringify(draft.content ?? null);
    for (const kind of kinds.toReversed()) content = wrapped(kind, content, curve, draft);
    return content;
  }

  function wrapped(kind: string, content: string, curve: TestKey["curve"], draft: Draft): string {
    if (kind === "signed") return forgeSigned(content, alice.key("Ed25519"));
    if (kind !== "auth" && kind !== "anon") return content;
    const options: ForgeOptions = {
      ...(kind === "auth" && { from: alice.key(curve) }),
      to: bob.key(curve),
      enc: draft.enc === "A256GCM" && kind === "anon" ? "A256GCM" : "A256CBC-HS512",
      change: ({ protected: header, recipients }) => {
        Object.assign(header, memberOf(draft.protected));
        for (const recipient of recipients) Object.assign(recipient.header, memberOf(memberOf(draft.recipient)["header"]));
      },
      tamper: (envelope) => void Object.assign(envelope, memberOf(draft.envelope)),
    };
    return forge(content, options);
  }

  return {
    format: "json",
    seeds: SEEDS.map(json),
    work: { base: 200_000, perByte: 500 },
    async run(input) {
      const draft = parse(input);
      let text: string | Uint8Array = input;
      if (draft !== undefined) {
        try {
          text = envelopeOf(draft);
        } catch {
          // Keys and headers that don't go together can't be encrypted with.
          return;
        }
      }
      const unpacked = await tolerate([DidcommCryptoError], () => unpack(text, bobReads));
      if (unpacked === undefined || unpacked.sender === undefined) return;
      if (unpacked.sender !== ALICE) throw new Error(`A message of alice's is taken for one of ${unpacked.sender}`);
    },
  };
};
