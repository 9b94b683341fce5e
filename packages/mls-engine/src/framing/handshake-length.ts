import { malformed, type Reader } from "../codec/reader.ts";

/**
 * Skips a Proposal or Commit ([RFC 9420 §12.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.1), §12.4) and returns its bytes: in
 * the plaintext of a PrivateMessage it has no length of its own.
 *
 * The content isn't validated here, because the signature after it must be verified first.
 *
 * @throws MlsEngineError `malformed`
 */
export function skipHandshake(reader: Reader, type: "proposal" | "commit"): Uint8Array {
  const start = reader.offset;
  if (type === "proposal") skipProposal(reader);
  else skipCommit(reader);
  return reader.since(start);
}

function skipCommit(reader: Reader): void {
  reader.vector();
  const hasPath = reader.u8();
  if (hasPath > 1) throw malformed("A presence octet is neither 0 nor 1");
  if (hasPath === 0) return;
  skipLeafNode(reader);
  reader.vector();
}

/** By proposal type. */
const PROPOSALS: Record<number, (reader: Reader) => void> = {
  1: skipKeyPackage,
  2: skipLeafNode,
  3: (reader) => reader.u32(),
  4: skipPskId,
  5: (reader) => {
    reader.vector();
    reader.bytes(4);
    reader.vector();
  },
  6: (reader) => reader.vector(),
  7: (reader) => reader.vector(),
};

/** A proposal of another type is taken to be one vector, as ts-mls encodes them. */
function skipProposal(reader: Reader): void {
  const skip = PROPOSALS[reader.u16()];
  if (skip === undefined) reader.vector();
  else skip(reader);
}

function skipKeyPackage(reader: Reader): void {
  reader.bytes(4);
  reader.vector();
  skipLeafNode(reader);
  reader.vector();
  reader.vector();
}

/** Lists in Capabilities (RFC 9420 §7.2). */
const CAPABILITIES = 5;

function skipLeafNode(reader: Reader): void {
  reader.vector();
  reader.vector();
  reader.u16();
  reader.vector();
  for (let left = CAPABILITIES; left > 0; left--) reader.vector();
  const source = reader.u8();
  if (source === 1) reader.bytes(16);
  else if (source === 3) reader.vector();
  else if (source !== 2) throw malformed("A leaf node has an unknown source");
  reader.vector();
  reader.vector();
}

function skipPskId(reader: Reader): void {
  const type = reader.u8();
  if (type === 1) {
    reader.vector();
  } else if (type === 2) {
    reader.u8();
    reader.vector();
    reader.u64();
  } else {
    throw malformed("A pre-shared key has an unknown type");
  }
  reader.vector();
}
