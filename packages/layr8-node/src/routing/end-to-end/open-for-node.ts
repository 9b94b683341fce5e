import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "@parley/didcomm-crypto";
import { checkHeaders } from "../parse/parse-message.ts";
import type { ParseResult } from "../parse/parse-message.ts";
import { rejected } from "../rejection.ts";
import { routedMessage, type RoutedMessage } from "../routed-message.ts";
import type { NodeCrypto } from "./node-crypto.ts";

const UNDECRYPTABLE = rejected({
  label: "malformed",
  reason: "malformed message: the node can't decrypt it for its recipient, whose keys it holds",
  code: "e.p.msg.undecryptable",
});

/** Decrypts a message of an agent that holds its keys itself, for a recipient whose keys the node holds. @throws StorageError */
export async function openForNode(
  { sender, owner }: RoutedMessage,
  { envelope, recipient }: { readonly envelope: JsonObject; readonly recipient: string },
  crypto: NodeCrypto,
): Promise<ParseResult> {
  try {
    const { message, plaintext, sender: proven } = await crypto.open(envelope);
    if (proven !== sender) return UNDECRYPTABLE;
    const headers = checkHeaders(message);
    if (!headers.ok) return headers;
    return { ok: true, inbound: routedMessage(message, plaintext, { sender, recipients: [recipient], owner, remote: false }) };
  } catch (error) {
    if (error instanceof DidcommCryptoError) return UNDECRYPTABLE;
    throw error;
  }
}
