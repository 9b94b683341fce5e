import { MsgHdrsImpl } from "@nats-io/nats-core";
import type { JetstreamConnection } from "./connection.ts";
import { API, asStorageError, hasApiCode, isFull } from "./failures.ts";

/** Where a message goes, and what it must meet there. */
export interface PublishOptions {
  readonly stream: string;
  readonly subject: string;
  /** Printable ASCII: they are not checked. */
  readonly headers?: Record<string, string[]> | undefined;
  /** Stream sequence that the subject's last message must have; 0 for none. */
  readonly expected?: number | undefined;
}

/**
 * Stores a message in a stream. Repeats the call during an outage, so that the message may be stored more than once if none is expected.
 *
 * @returns its stream sequence; or why it is not stored: the subject has another last message than expected, or as many as it may have.
 * @throws StorageError `storage_failed`: it may have been stored.
 */
export async function publish(
  connection: JetstreamConnection,
  body: Uint8Array,
  { stream, subject, headers, expected }: PublishOptions,
): Promise<{ readonly ok: true; readonly seq: number } | { readonly ok: false; readonly reason: "unexpected" | "full" }> {
  const fields = headers && MsgHdrsImpl.fromRecord(headers);
  try {
    const seq = await connection.retry(stream, () => connection.publish(subject, body, { stream, headers: fields, expected }));
    return { ok: true, seq };
  } catch (error) {
    if (hasApiCode(error, API.wrongLastSequence)) return { ok: false, reason: "unexpected" };
    if (isFull(error)) return { ok: false, reason: "full" };
    throw asStorageError("A message cannot be stored", error);
  }
}
