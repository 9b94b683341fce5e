import { type CredentialPage, type ListOptions, MAX_PAGE_LENGTH, type StoredCredential } from "./credential-store.ts";

const CURSOR_BYTES = 6;
const CURSOR = /^[\w-]{8}$/;

/** Creates a page of the given entries, up to its limits, with a cursor if more follow. */
export function pageOf(
  entries: Iterable<{ readonly seq: number; readonly credential: StoredCredential }>,
  limit: ListOptions["limit"],
): CredentialPage {
  const credentials: StoredCredential[] = [];
  let length = 0;
  let last = 0;
  for (const { seq, credential } of entries) {
    if (credentials.length >= limit || length >= MAX_PAGE_LENGTH) return { credentials, next: last };
    credentials.push(credential);
    length += credential.signed.length;
    last = seq;
  }
  return { credentials };
}

/** Encodes a cursor as text for clients. */
export function encodeCursor(seq: number): string {
  const bytes = Buffer.alloc(CURSOR_BYTES);
  bytes.writeUIntBE(seq, 0, CURSOR_BYTES);
  return bytes.toString("base64url");
}

/** Decodes a cursor; `undefined` if the text is invalid. */
export function decodeCursor(text: string): number | undefined {
  return CURSOR.test(text) ? Buffer.from(text, "base64url").readUIntBE(0, CURSOR_BYTES) : undefined;
}
