/**
 * Several encrypted messages in one POST, a format of Parley's own that nodes offer each other by `Accept-Post`. The body is a JSON text
 * sequence: each envelope between a record separator (U+001E) and a line feed.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7464 | RFC 7464, JSON Text Sequences}
 */
export const BATCH_MEDIA_TYPE = "application/vnd.parley.didcomm-batch+json-seq";

/** Media type of one encrypted message. */
export const ENVELOPE_MEDIA_TYPE = "application/didcomm-encrypted+json";

/**
 * `Accept-Post` of every response of `/didcomm`.
 *
 * @see {@link https://www.w3.org/TR/ldp/#header-accept-post | Linked Data Platform, Accept-Post}
 */
export const ACCEPT_POST: string = `${ENVELOPE_MEDIA_TYPE}, ${BATCH_MEDIA_TYPE}`;

/** Maximum number of envelopes in a batch. */
export const MAX_BATCH_ENVELOPES = 64;
/** Maximum bytes of a batch. An envelope that needs more is posted alone. */
export const MAX_BATCH_BYTES: number = 256 * 1024;

const SEPARATOR = "\u001E";

/** Whether a response with this `Accept-Post` offers batches. */
export function offersBatches(acceptPost: string | undefined): boolean {
  return acceptPost !== undefined && acceptPost.split(",").some((type) => type.trim().toLowerCase() === BATCH_MEDIA_TYPE);
}

/** Bytes of an envelope in a batch. */
export function sizeInBatch(envelope: string): number {
  return Buffer.byteLength(envelope) + 2;
}

export function encodeBatch(envelopes: readonly string[]): string {
  return envelopes.map((envelope) => `${SEPARATOR}${envelope}\n`).join("");
}

/** Splits a batch; `undefined` if it is not one, is empty or has too many envelopes. The envelopes are not checked. */
export function decodeBatch(body: Buffer): readonly Buffer[] | undefined {
  const separator = SEPARATOR.charCodeAt(0);
  if (body[0] !== separator) return undefined;
  const envelopes: Buffer[] = [];
  for (let start = 1; start <= body.length;) {
    if (envelopes.length === MAX_BATCH_ENVELOPES) return undefined;
    const next = body.indexOf(separator, start);
    const end = next === -1 ? body.length : next;
    envelopes.push(body.subarray(start, end));
    start = end + 1;
  }
  return envelopes;
}
