import { decodePlaintext, encodePlaintext, type DecodedMessage, type JsonObject, type Message } from "@parley/core";
import { DidcommCryptoError } from "./didcomm-crypto-error.ts";
import { withDefaults } from "./limits.ts";
import { parseJsonObject } from "./text/json-object.ts";
import { decodeUtf8 } from "./text/utf8.ts";

/** What can be packed: a message, or a DIDComm plaintext as JSON. */
export type Packable = Message | string | Uint8Array;

/** A plaintext to pack. */
export interface Plaintext {
  readonly bytes: Uint8Array;
  readonly message: Message;
}

/** @throws DidcommCryptoError `plaintext_invalid` */
export function readPlaintext(json: JsonObject): DecodedMessage {
  try {
    return decodePlaintext(json);
  } catch (error) {
    throw new DidcommCryptoError("plaintext_invalid", "What is inside is no DIDComm plaintext", { cause: error });
  }
}

/** @throws TypeError if it is no DIDComm plaintext. */
export function plaintextOf(input: Packable): Plaintext {
  if (typeof input !== "string" && !(input instanceof Uint8Array)) {
    const text = JSON.stringify({ typ: "application/didcomm-plain+json", ...encodePlaintext(input) });
    return { bytes: Buffer.from(text, "utf8"), message: input };
  }
  const text = typeof input === "string" ? input : decodeUtf8(input);
  if (text === undefined) throw new TypeError("A plaintext given as bytes must be UTF-8");
  try {
    const { message } = readPlaintext(parseJsonObject(text, "The plaintext", withDefaults(undefined).maxDepth));
    return { bytes: typeof input === "string" ? Buffer.from(input, "utf8") : input, message };
  } catch (error) {
    throw new TypeError("What is to be packed is no DIDComm plaintext", { cause: error });
  }
}
