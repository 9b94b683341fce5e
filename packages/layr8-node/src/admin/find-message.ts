import type { AdminParameters } from "@parley/server-kit";
import type { Box, InboxMessage } from "../inbox/inbox.ts";
import type { NodeView } from "./node-view.ts";

/** DIDs that are looked at, and messages of each inbox. */
const MAX_DIDS = 20;
const MAX_MESSAGES = 20_000;
const PAGE = { limit: 1000, maxLength: 1024 * 1024 };
const MAX_DEAD_LETTERS = 10_000;
/** Messages of a pair. */
const OUTBOUND_PAGE = { limit: 1000, maxLength: 4 * 1024 * 1024 };

/** Where is a message now? `dids` are its sender and its recipients, with spaces between them. */
export async function findMessage({ stores, router, federation }: NodeView, { id = "", dids = "" }: AdminParameters): Promise<unknown> {
  const names = [...new Set(dids.split(" ").filter(Boolean))].slice(0, MAX_DIDS);
  const hosted = names.filter((did) => stores.dids.has(did));
  const inboxes = await Promise.all(
    hosted.map(async (did) => {
      const message = await findInBox(await stores.inbox.peek(did), id);
      if (message === undefined) return [];
      const { seq, type, from, attempts, expiresAt } = message;
      return [{ did, seq, id, type, from, attempts, expiresAt, isConnected: router().mailboxes.isConnected(did) }];
    }),
  );
  const deadLetters = hosted
    .flatMap((did) => stores.deadLetters?.list({ did, limit: MAX_DEAD_LETTERS }) ?? [])
    .filter(({ messageId }) => messageId === id)
    .map(({ id: letter, did, direction, code, reason, to, from, type, failedAt, messageId }) => {
      return { id: letter, did, direction, code, reason, to, from, type, failedAt, messageId };
    });
  const outbound = hosted
    .flatMap((sender) => names.filter((did) => did !== sender).map((recipient) => ({ sender, recipient })))
    .flatMap((selection) => federation().list(selection, OUTBOUND_PAGE))
    .filter((message) => message.id === id);
  return { inboxes: inboxes.flat(), deadLetters, outbound };
}

async function findInBox(box: Box, id: string): Promise<InboxMessage | undefined> {
  let after = 0;
  for (let looked = 0; looked < MAX_MESSAGES;) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await box.read({ after, ...PAGE });
    const found = page.find((message) => message.id === id);
    const last = page.at(-1);
    if (found !== undefined || last === undefined) return found;
    after = last.seq;
    looked += page.length;
  }
  return undefined;
}
