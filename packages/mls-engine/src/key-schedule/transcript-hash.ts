import type { GroupContext } from "../codec/structures.ts";
import { encode, type Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { writeFramedContent, type Handshake } from "../framing/framed-content.ts";

/**
 * The confirmed transcript hash of the next epoch ([RFC 9420 §8.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-8.2)). It covers all
 * commits since the group was created, up to and including this one.
 *
 * @param confirmationTag the tag of the commit that began the current epoch; the tag of `commit` itself depends on this hash.
 */
export function nextConfirmedHash(
  suite: CipherSuite,
  context: GroupContext,
  confirmationTag: Uint8Array,
  commit: Omit<Handshake, "confirmationTag">,
): Uint8Array {
  const interim = interimHash(suite, context.confirmedTranscriptHash, confirmationTag);
  return suite.hash(encode((w) => writeContentAndSignature(w.raw(interim), context, commit)));
}

/** The interim transcript hash (RFC 9420 §8.2). */
export function interimHash(suite: CipherSuite, confirmedHash: Uint8Array, confirmationTag: Uint8Array): Uint8Array {
  return suite.hash(encode((w) => w.raw(confirmedHash).vector(confirmationTag)));
}

/** AuthenticatedContent (RFC 9420 §6). The hash of a proposal's is its reference (§5.2). */
export function encodeAuthenticatedContent(context: GroupContext, message: Handshake): Uint8Array {
  return encode((w) => {
    writeContentAndSignature(w, context, message);
    if (message.confirmationTag) w.vector(message.confirmationTag);
  });
}

function writeContentAndSignature(w: Writer, context: GroupContext, message: Omit<Handshake, "confirmationTag">): Writer {
  return writeFramedContent(w.u16(message.wireFormat), context, message).vector(message.signature);
}
