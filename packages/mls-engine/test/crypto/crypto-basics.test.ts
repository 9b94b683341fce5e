import { expect, it } from "vitest";
import { Writer } from "../../src/codec/writer.ts";
import {
  decryptWithLabel,
  deriveSecret,
  encryptWithLabel,
  expandWithLabel,
  refHash,
  signWithLabel,
  verifyWithLabel,
} from "../../src/crypto/labels.ts";
import { nameOf } from "../cipher-suites.ts";
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

describeVectors("crypto-basics", (cases) => {
  for (const vector of cases as readonly Case[]) {
    for (const [provider, create] of PROVIDERS) {
      const title = `suite ${vector.cipher_suite}, ${provider}`;
      const suite = create(nameOf(vector.cipher_suite));

      it(`${title}: RefHash`, () => {
        const { label, value, out } = vector.ref_hash;
        expect(toHex(refHash(suite, label, fromHex(value)))).toBe(out);
      });

      it(`${title}: ExpandWithLabel, DeriveSecret, DeriveTreeSecret`, () => {
        const expand = vector.expand_with_label;
        const expanded = expandWithLabel(suite, fromHex(expand.secret), expand.label, fromHex(expand.context), expand.length);
        expect(toHex(expanded)).toBe(expand.out);

        const derive = vector.derive_secret;
        expect(toHex(deriveSecret(suite, fromHex(derive.secret), derive.label))).toBe(derive.out);

        const tree = vector.derive_tree_secret;
        const generation = new Writer(4).u32(tree.generation).finish();
        expect(toHex(expandWithLabel(suite, fromHex(tree.secret), tree.label, generation, tree.length))).toBe(tree.out);
      });

      it(`${title}: SignWithLabel`, () => {
        const { priv, pub, label, content, signature } = vector.sign_with_label;
        const [privateKey, publicKey, bytes] = [fromHex(priv), fromHex(pub), fromHex(content)];
        expect(verifyWithLabel(suite, publicKey, label, bytes, fromHex(signature))).toBe(true);
        expect(verifyWithLabel(suite, publicKey, label, bytes, signWithLabel(suite, privateKey, label, bytes))).toBe(true);
        expect(verifyWithLabel(suite, publicKey, `${label}.`, bytes, fromHex(signature))).toBe(false);
      });

      it(`${title}: EncryptWithLabel`, () => {
        const { priv, pub, label, context, plaintext, kem_output, ciphertext } = vector.encrypt_with_label;
        const [privateKey, info] = [fromHex(priv), fromHex(context)];
        const sealed = { kemOutput: fromHex(kem_output), ciphertext: fromHex(ciphertext) };
        expect(decryptWithLabel(suite, privateKey, label, info, sealed)).toEqual(fromHex(plaintext));
        const again = encryptWithLabel(suite, fromHex(pub), label, info, fromHex(plaintext));
        expect(decryptWithLabel(suite, privateKey, label, info, again)).toEqual(fromHex(plaintext));
      });
    }
  }
});
