import { TimeSlice } from "@parley/core/internal";
import type { Box, ExpiredMessages, InboxMessage } from "./inbox.ts";

const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/** Reads a box in pages. Yields to the event loop in between. */
export async function* pagesOf(box: Box): AsyncGenerator<readonly InboxMessage[], void, undefined> {
  const slice = new TimeSlice();
  for (let after = 0; ;) {
    const page = await box.read({ after, ...PAGE });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.seq;
    if (slice.isOver) await slice.next();
  }
}

/**
 * Reads the expired messages of a box in pages, until it is opened.
 *
 * @param now milliseconds since 1970.
 */
export async function* expiredOf(box: Box, now: number, isOpen: () => boolean): AsyncGenerator<ExpiredMessages, void, undefined> {
  for await (const page of pagesOf(box)) {
    if (isOpen()) return;
    const messages = page.filter(({ expiresAt }) => expiresAt <= now);
    if (messages.length > 0) yield { box, messages };
  }
}
