import { afterEach, beforeEach, expect } from "vitest";
import type { Appended, Box, BoxListener, Inbox, InboxLimits, InboxMessage, MessageToStore } from "../../src/inbox/inbox.ts";

/** What the suite asks of an implementation's test. */
export interface InboxUnderTest {
  readonly inbox: Inbox;
  /** Closes the inbox and opens it again as after a restart. Absent when nothing survives one; then `durable` is false. */
  reopen?(): Promise<Inbox>;
  cleanup(): Promise<void>;
}

/** The limits and the clock of the inbox that the suite needs. */
export interface InboxSetup {
  readonly limits: Partial<InboxLimits>;
  now(): number;
}

/** Records the events of an open box. */
export class Listener implements BoxListener {
  readonly messages: InboxMessage[] = [];
  expired = 0;
  lost = 0;
  onMessage(message: InboxMessage): void {
    this.messages.push(message);
  }
  onExpired(): void {
    this.expired += 1;
  }
  onLost(): void {
    this.lost += 1;
  }
}

export const ALICE = "did:web:alice.example";
export const BOB = "did:web:bob.example:agents:bob";
export const LIMITS = { maxMessages: 5, maxLength: 2000, deduplicationMs: 60_000, remoteDeduplicationMs: 600_000 };
export const ALL = { after: 0, limit: 100, maxLength: 1_000_000 };

/** An inbox for each test, and calls of it. A recipient is ALICE unless it is given. */
export interface InboxHarness {
  readonly inbox: Inbox;
  /** Nodes share the inbox, so that appends know of no other message. */
  readonly isShared: boolean;
  readonly now: () => number;
  readonly advance: (ms: number) => void;
  /** Closes the inbox and opens it again as after a restart. */
  readonly reopen: () => Promise<void>;
  readonly message: (changes?: Partial<MessageToStore>) => MessageToStore;
  /** Appends, and waits until the message is safe. */
  readonly append: (incoming: MessageToStore) => Promise<Appended["status"]>;
  /** Stores a message as the last one of its recipient. Resolves to its seq. */
  readonly store: (changes?: Partial<MessageToStore>) => Promise<number>;
  /** Appends a message again. An inbox that nodes share may store it; then it is not read. */
  readonly expectDuplicate: (incoming: MessageToStore) => Promise<void>;
  /** The box of a recipient, opened on first use. */
  readonly box: (recipient?: string) => Promise<Box>;
  readonly read: (recipient?: string) => Promise<readonly InboxMessage[]>;
  readonly ids: (recipient?: string) => Promise<string[]>;
  readonly seqs: (recipient?: string) => Promise<number[]>;
  readonly settle: (seqsToSettle: readonly number[], recipient?: string) => Promise<void>;
}

/** Creates an inbox before each test of the present `describe`, and removes it after the test. */
export function inboxHarness(create: (setup: InboxSetup) => Promise<InboxUnderTest>, isShared: boolean): InboxHarness {
  let clock = 1_800_000_000_000;
  let counter = 0;
  let under: InboxUnderTest;
  let inbox: Inbox;
  let boxes: Map<string, Promise<Box>>;

  beforeEach(async () => {
    under = await create({ limits: LIMITS, now: () => clock });
    inbox = under.inbox;
    boxes = new Map();
  });
  afterEach(() => under.cleanup());

  const harness: InboxHarness = {
    get inbox() {
      return inbox;
    },
    isShared,
    now: () => clock,
    advance: (ms) => {
      clock += ms;
    },
    reopen: async () => {
      if (under.reopen === undefined) throw new Error("A durable inbox must reopen");
      inbox = await under.reopen();
      boxes.clear();
    },
    message: (changes = {}) => {
      const id = changes.id ?? `message-${++counter}`;
      return {
        recipient: ALICE,
        id,
        from: BOB,
        type: "https://example.org/test/1.0/ping",
        plaintext: JSON.stringify({ id, body: {} }),
        authorized: true,
        expiresAt: clock + 1000,
        ...changes,
      };
    },
    append: async (incoming) => {
      const appended = await inbox.append(incoming);
      if (appended.status === "stored") await appended.durable;
      return appended.status;
    },
    store: async (changes) => {
      const incoming = harness.message(changes);
      expect(await harness.append(incoming)).toBe("stored");
      return (await harness.seqs(incoming.recipient)).at(-1) ?? 0;
    },
    expectDuplicate: async (incoming) => {
      expect(isShared ? ["duplicate", "stored"] : ["duplicate"]).toContain(await harness.append(incoming));
    },
    box: (recipient = ALICE) => {
      const opened = boxes.get(recipient) ?? inbox.open(recipient, new Listener());
      boxes.set(recipient, opened);
      return opened;
    },
    read: async (recipient) => (await harness.box(recipient)).read(ALL),
    ids: async (recipient) => (await harness.read(recipient)).map(({ id }) => id),
    seqs: async (recipient) => (await harness.read(recipient)).map(({ seq }) => seq),
    settle: async (seqsToSettle, recipient) => (await harness.box(recipient)).settle(seqsToSettle),
  };
  return harness;
}
