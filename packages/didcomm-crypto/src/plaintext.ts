import { decodePlaintext, encodePlaintext, type DecodedMessage, type JsonObject, type Message } from "@parley/core";
import { DidcommCryptoError } from "./didcomm-crypto-error.ts";
import { readLimits } from "./unpack-limits.ts";
import { parseJsonObject } from "./text/json-object.ts";
import { decodeUtf8 } from "./text/utf8.ts";

/** The input of `pack`: a message, or a DIDComm plaintext as JSON. */
export type Packable = Message | string | Uint8Array;

/** A plaintext to pack. */
export interface Plaintext {
  readonly bytes: Uint8Array;
  readonly message: Message;
}

/**
 * Reads a plaintext from a peer.
 *
 * @throws DidcommCryptoError `plaintext_invalid`
 */
export function readPlaintext(json: JsonObject): DecodedMessage {
  try {
    return decodePlaintext(json);
  } catch (error) {
    throw new DidcommCryptoError("plaintext_invalid", "The content of the envelope is not a DIDComm plaintext", { cause: error });
  }
}

/**
 * Reads the input of `pack`. JSON is packed unchanged.
 *
 * @throws TypeError if it is not a DIDComm plaintext.
 */
export function toPlaintext(input: Packable): Plaintext {
  if (typeof input !== "string" && !(input instanceof Uint8Array)) {
    const text = JSON.stringify({ typ: "application/didcomm-plain+json", ...encodePlaintext(input) });
    return { bytes: Buffer.from(text, "utf8"), message: input };
  }
  const text = typeof input === "string" ? input : decodeUtf8(input);
  if (text === undefined) throw new TypeError("A plaintext passed as bytes must be UTF-8");
  try {
    const { message } = readPlaintext(parseJsonObject(text, "The plaintext", readLimits(undefined).maxDepth));
    return { bytes: typeof input === "string" ? Buffer.from(input, "utf8") : input, message };
  } catch (error) {
    throw new TypeError("The message to pack is not a DIDComm plaintext", { cause: error });
  }
}
