import type { JsonObject, JsonValue } from "./json.ts";

/**
 * Where an attachment's content is: inline (`base64` with the base64url alphabet, or `json`), linked (`links`, which then need a
 * `hash`), or signed: `jws` as an object beside one of them. As a text, `jws` is a compact JWS that contains the content: layr8's SDKs
 * attach credentials so.
 */
export interface AttachmentData {
  readonly base64?: string;
  readonly json?: JsonValue;
  readonly links?: readonly string[];
  readonly hash?: string;
  readonly jws?: JsonObject | string;
}

/**
 * A DIDComm v2 attachment.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#attachments | DIDComm v2.1, Attachments}
 */
export interface Attachment {
  readonly id?: string;
  readonly description?: string;
  readonly filename?: string;
  /** MIME type of the content. */
  readonly mediaType?: string;
  /** Format of the content beyond its MIME type. */
  readonly format?: string;
  /** When the content was last changed: seconds since 1970 or RFC 3339 text, as the sender wrote it. */
  readonly lastModifiedTime?: number | string;
  /** Size of the content in bytes, as the sender states it. */
  readonly byteCount?: number;
  readonly data: AttachmentData;
}
