import { readFileSync } from "node:fs";
import type { PublicJwk } from "@parley/did";
import { expect, it } from "vitest";
import { unpack, type PrivateJwk } from "../src/index.ts";

interface Example {
  readonly curve: string;
  readonly sender: { readonly kid: string; readonly publicKey: PublicJwk };
  readonly recipients: readonly { readonly kid: string; readonly privateKey: PrivateJwk }[];
  readonly packed: object;
}

const { text, examples } = JSON.parse(readFileSync(new URL("authlib-messages.json", import.meta.url), "utf8")) as {
  readonly text: string;
  readonly examples: readonly Example[];
};

// Recorded messages of Authlib, for machines without it.
it.each(examples.flatMap((example) => example.recipients.map((own) => [example.curve, own.kid, example, own] as const)))(
  "authcrypt by Authlib on %s is read with %s",
  async (_curve, kid, { sender, packed }, own) => {
    const unpacked = await unpack(JSON.stringify(packed), {
      recipientKey: (asked) => (asked === kid ? own.privateKey : undefined),
      senderKey: (asked) => (asked === sender.kid ? sender.publicKey : undefined),
    });
    expect(unpacked.plaintext).toBe(text);
    expect(unpacked.metadata).toMatchObject({ authenticated: true, encryptedFromKid: sender.kid, recipientKid: kid });
  },
);
