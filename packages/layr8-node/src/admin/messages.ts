import type { AdminParameters } from "@parley/server-kit";
import type { NodeView } from "./node-view.ts";

const MAX_LISTED = 200;

/** Which messages failed permanently, and why? Newest first. */
export function readDeadLetters({ stores }: NodeView, { did = "", before, limit }: AdminParameters): unknown {
  const { deadLetters } = stores;
  if (deadLetters === undefined) return { isKept: false, deadLetters: [] };
  const page = deadLetters.list({
    did: did === "" ? undefined : did,
    before: Number(before) || undefined,
    limit: Math.min(MAX_LISTED, Number(limit) || MAX_LISTED),
  });
  return { isKept: true, total: did === "" ? deadLetters.size : deadLetters.count(did), deadLetters: page.map(withoutCredentials) };
}

/** One dead letter, with its plaintext if the console shows bodies. */
export async function readDeadLetter({ stores, showsBodies }: NodeView, { id }: AdminParameters): Promise<unknown> {
  const letter = stores.deadLetters?.get(Number(id));
  if (letter === undefined) return { exists: false };
  const plaintext = showsBodies ? (await stores.deadLetters?.read(letter.id))?.plaintext : undefined;
  return { exists: true, ...withoutCredentials(letter), ...(showsBodies && { plaintext }) };
}

/** One waiting message, with its plaintext if the console shows bodies. */
export async function readMessage({ stores, showsBodies }: NodeView, { did = "", seq }: AdminParameters): Promise<unknown> {
  const number = Number(seq) || 0;
  const box = await stores.inbox.peek(did);
  const [message] = await box.read({ after: number - 1, limit: 1, maxLength: 1 });
  if (message?.seq !== number) return { exists: false };
  const { id, type, from, thread, parentThread, attempts, expiresAt, authorized, plaintext } = message;
  const about = {
    did,
    seq: number,
    id,
    type,
    from,
    thread: thread ?? id,
    parentThread,
    attempts,
    expiresAt,
    authorized,
    size: plaintext.length,
  };
  return { exists: true, ...about, ...(showsBodies && { plaintext }) };
}

/** A dead letter without the claims of credentials: only the recipient gets them. */
function withoutCredentials<T extends { readonly senderCredentials?: string | undefined }>(letter: T): Omit<T, "senderCredentials"> {
  const { senderCredentials: _, ...rest } = letter;
  return rest;
}
