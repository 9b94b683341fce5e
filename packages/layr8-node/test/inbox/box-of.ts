import type { Box, BoxListener, Inbox } from "../../src/inbox/inbox.ts";

/** Remembers the seqs of messages by their ids. */
export class SeqListener implements BoxListener {
  readonly seqs = new Map<string, number>();
  onMessage({ id, seq }: { readonly id: string; readonly seq: number }): void {
    this.seqs.set(id, seq);
  }
  onExpired(): void {
    // Nothing is delivered.
  }
  onLost(): void {
    // Another part of the test has opened the box.
  }
}

/** Opens a box to look at it. */
export function boxOf(inbox: Inbox, recipient: string, listener: BoxListener = new SeqListener()): Promise<Box> {
  return inbox.open(recipient, listener);
}
