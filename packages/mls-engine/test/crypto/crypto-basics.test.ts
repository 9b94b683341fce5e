import { expect, it } from "vitest";
import { suiteName } from "../../src/crypto/suites.ts";
import { expandWithLabel, mlsLabel } from "../../src/crypto/message-labels.ts";
import { Writer, vectorSize } from "../../src/codec/sized-writer.ts";
import { describeVectors, fromHex, toHex } from "../vectors.ts";
import { PROVIDERS } from "./providers.ts";

interface Case {
  readonly cipher_suite: number;
  readonly ref_hash: { readonly label: string; readonly value: string; readonly out: string };
  readonly expand_with_label: {
    readonly secret: string;
    readonly label: string;
    readonly context: string;
    readonly length: number;
    readonly out: string;
  };
  readonly derive_secret: { readonly secret: string; readonly label: string; readonly out: string };
  readonly derive_tree_secret: {
    readonly secret: string;
    readonly label: string;
    readonly generation: number;
    readonly length: number;
    readonly out: string;
  };
  readonly sign_with_label: {
    readonly priv: string;
    readonly pub: string;
    readonly content: string;
    readonly label: string;
    readonly signature: string;
  };
  readonly encrypt_with_label: {
    readonly priv: string;
    readonly pub: string;
    readonly label: string;
    readonly context: string;
    readonly plaintext: string;
    readonly kem_output: string;
    readonly ciphertext: string;
  };
}

function labelled(label: Uint8Array, value: Uint8Array): Uint8Array {
  return new Writer(vectorSize(label.length) + vectorSize(value.length)).vector(label).vector(value).finish();
}

describeVectors("crypto-basics", (cases) => {
  for (const vector of cases as readonly Case[]) {
    for (const [provider, create] of PROVIDERS) {
      const title = `suite ${vector.cipher_suite}, ${provider}`;
      const load = async () => create(suiteName(vector.cipher_suite));

      it(`${title}: RefHash`, async () => {
        const { handshake } = await load();
        const { label, value, out } = vector.ref_hash;
        expect(toHex(await handshake.hash.digest(labelled(new TextEncoder().encode(label), fromHex(value))))).toBe(out);
      });

      it(`${title}: ExpandWithLabel, DeriveSecret, DeriveTreeSecret`, async () => {
        const { messages } = await load();
        const expand = vector.expand_with_label;
        const expanded = expandWithLabel(messages, fromHex(expand.secret), mlsLabel(expand.label), fromHex(expand.context), expand.length);
        expect(toHex(expanded)).toBe(expand.out);

        const derive = vector.derive_secret;
        const derived = expandWithLabel(messages, fromHex(derive.secret), mlsLabel(derive.label), new Uint8Array(0), messages.hashLength);
        expect(toHex(derived)).toBe(derive.out);

        const tree = vector.derive_tree_secret;
        const generation = new Writer(4).u32(tree.generation).finish();
        expect(toHex(expandWithLabel(messages, fromHex(tree.secret), mlsLabel(tree.label), generation, tree.length))).toBe(tree.out);
      });

      it(`${title}: SignWithLabel`, async () => {
        const { messages } = await load();
        const { priv, pub, label, content, signature } = vector.sign_with_label;
        const signed = labelled(mlsLabel(label), fromHex(content));
        expect(messages.verify(fromHex(pub), signed, fromHex(signature))).toBe(true);
        expect(messages.verify(fromHex(pub), signed, messages.sign(fromHex(priv), signed))).toBe(true);
        signed[0] = 0;
        expect(messages.verify(fromHex(pub), signed, fromHex(signature))).toBe(false);
      });

      it(`${title}: EncryptWithLabel`, async () => {
        const { hpke } = (await load()).handshake;
        const { priv, pub, label, context, plaintext, kem_output, ciphertext } = vector.encrypt_with_label;
        const privateKey = await hpke.importPrivateKey(fromHex(priv));
        const info = labelled(mlsLabel(label), fromHex(context));
        expect(toHex(await hpke.open(privateKey, fromHex(kem_output), fromHex(ciphertext), info))).toBe(plaintext);
        const { enc, ct } = await hpke.seal(await hpke.importPublicKey(fromHex(pub)), fromHex(plaintext), info);
        expect(toHex(await hpke.open(privateKey, enc, ct, info))).toBe(plaintext);
      });
    }
  }
});
