import { malformed, Reader } from "../codec/reader.ts";

/**
 * Reads over a Proposal or Commit, to find where it ends ([RFC 9420 §12.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.1),
 * §12.4): in a PrivateMessage nothing else tells its length. What is in it is not judged here.
 *
 * Throws MlsError `malformed`.
 */
export function readHandshake(reader: Reader, type: "proposal" | "commit"): void {
  if (type === "proposal") skipProposal(reader);
  else skipCommit(reader);
}

function skipCommit(reader: Reader): void {
  reader.vector();
  const hasPath = reader.u8();
  if (hasPath > 1) throw malformed("A commit's path is neither there nor absent");
  if (hasPath === 0) return;
  skipLeafNode(reader);
  reader.vector();
}

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

/** Proposals of other types hold one vector, as those of ts-mls do. */
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
  else if (source !== 2) throw malformed("A leaf node is of no known source");
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
    throw malformed("A pre-shared key is of no known type");
  }
  reader.vector();
}
