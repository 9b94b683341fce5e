import { ParleyError } from "./error.ts";

/**
 * Why a plaintext could not be read.
 *
 * - `message_invalid`: a member is missing or of the wrong kind.
 * - `message_too_large`: a member exceeds its cap.
 * - `attachment_invalid`: an attachment is malformed; the message itself is read without it.
 */
export type PlaintextErrorCode = "message_invalid" | "message_too_large" | "attachment_invalid";

/** Bytes of a peer are not a valid DIDComm plaintext. */
export class PlaintextError extends ParleyError<PlaintextErrorCode> {
  override readonly name: string = "PlaintextError";
}
