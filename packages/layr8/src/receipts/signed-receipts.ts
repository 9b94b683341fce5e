import { ParleyError, type JsonObject, type Message } from "@parley/core";
import { readReceiptBody, RECEIPT } from "@parley/core/eager";
import { createDidcommCrypto } from "@parley/didcomm-crypto";
import { createDidResolver, DidError, didKeyMethod, didWebMethod, parseDidDocument, type DidDocument, type DidResolver } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import type { VerifiedReceipt, VerifyReceiptOptions } from "./verify-receipt-options.ts";

/** Bytes of a signed receipt. */
const MAX_LENGTH = 64 * 1024;

/** Reads the document of a DID from the agent's node. @throws ParleyError */
export type ReadDocument = (did: string) => Promise<JsonObject>;

/** Resolves DIDs through an agent's node, which may be the only host that the agent can reach. did:key needs no node. */
export function createNodeResolver(read: ReadDocument): DidResolver {
  const web = async (did: string): Promise<DidDocument> => {
    try {
      return parseDidDocument(await read(did), did);
    } catch (error) {
      if (error instanceof DidError) throw error;
      const { code, retryable, message } = ParleyError.from(error);
      throw new DidError(retryable ? "fetch_failed" : code === "not_found" ? "not_found" : "document_invalid", message, { cause: error });
    }
  };
  return createDidResolver({ methods: { ...didKeyMethod(), web: (did) => web(did).then(resolved, failed) } });
}

/** Verifies a signed message, and gives it. @throws DidcommCryptoError */
export async function verifySigned(signed: string, resolver: DidResolver, signal?: AbortSignal): Promise<Message> {
  const crypto = createDidcommCrypto({ resolver, privateKey: () => undefined, limits: { maxLength: MAX_LENGTH } });
  const { message } = await crypto.unpack(signed, signal && { signal });
  return message;
}

/** The implementation of `verifyReceipt`. */
export async function verifySignedReceipt(
  signed: string,
  { resolver, resolution = {}, signal }: VerifyReceiptOptions,
): Promise<VerifiedReceipt> {
  const { httpForLoopback = false, hosts = {}, allow = [], ca } = resolution;
  const fetch = createNodeFetch({ allow, ...(ca !== undefined && { ca }) });
  const network = (): DidResolver =>
    createDidResolver({ methods: { ...didKeyMethod(), ...didWebMethod({ fetch, httpForLoopback, hosts }) } });
  const { type, from, to, createdTime, body } = await verifySigned(signed, resolver ?? network(), signal);
  const content = type === RECEIPT ? readReceiptBody(body) : undefined;
  if (content === undefined || from === undefined || to[0] === undefined) {
    throw new ParleyError("receipt_malformed", "The signed message is not a receipt");
  }
  return { ...content, from, to: to[0], ...(createdTime !== undefined && { time: createdTime }), signed };
}

function resolved(document: DidDocument) {
  return { didResolutionMetadata: {}, didDocument: document as never, didDocumentMetadata: {} };
}

function failed(cause: unknown) {
  return { didResolutionMetadata: { error: "failed", cause }, didDocument: null, didDocumentMetadata: {} };
}
