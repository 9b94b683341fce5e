import { encodePlaintext, type Message } from "@parley/core";
import didcomm from "didcomm-node";
import { documentOf, type Party } from "./didcomm-crypto-parties.ts";

/** The implementation that ours is compared with. Its key look-ups return objects that were created beforehand, as ours do. */
export class DidcommNode {
  readonly #from: Party;
  readonly #to: Party;
  readonly #resolver: never;
  readonly #secrets: never;

  constructor(from: Party, to: Party) {
    const documents = new Map([from, to].map((party) => [party.did, documentOf(party)]));
    const secrets = new Map([from, to].map(({ kid, privateKey }) => [kid, { id: kid, type: "JsonWebKey2020", privateKeyJwk: privateKey }]));
    this.#from = from;
    this.#to = to;
    this.#resolver = { resolve: async (did: string) => documents.get(did) } as never;
    this.#secrets = {
      get_secret: async (kid: string) => secrets.get(kid),
      find_secrets: async (kids: readonly string[]) => kids.filter((kid) => secrets.has(kid)),
    } as never;
  }

  async pack(message: Message): Promise<string> {
    const plaintext = new didcomm.Message({ typ: "application/didcomm-plain+json", ...encodePlaintext(message) } as never);
    const [packed] = await plaintext.pack_encrypted(this.#to.did, this.#from.kid, null, this.#resolver, this.#secrets, { forward: false });
    plaintext.free();
    return packed;
  }

  async unpack(text: string): Promise<unknown> {
    const [message] = await didcomm.Message.unpack(text, this.#resolver, this.#secrets, {});
    const value: unknown = message.as_value();
    message.free();
    return value;
  }
}
