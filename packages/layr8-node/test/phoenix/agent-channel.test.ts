import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryInbox } from "../../src/inbox/memory-inbox.ts";
import { systemClock } from "../../src/clock.ts";
import type { Channel } from "../../src/phoenix/channel.ts";
import { ChildWatchers } from "../../src/delegation/child-watchers.ts";
import type { DelegatedGrants } from "../../src/delegation/delegated-grants.ts";
import { AgentChannel } from "../../src/phoenix/agent-channel.ts";
import type { JoinRequest } from "../../src/phoenix/join-request.ts";
import { Mailbox } from "../../src/routing/deliver/mailbox.ts";
import type { Router } from "../../src/routing/router.ts";

const DID = "did:web:localhost:bob";
const ECHO = "https://layr8.io/protocols/echo/1.0";

let pushed: string[];
let mailbox: Mailbox;

/** An agent that has just joined, with one message waiting for it. */
async function join(request: Partial<JoinRequest> = {}): Promise<AgentChannel> {
  const inbox = new MemoryInbox();
  const limits = { maxMessages: 4, maxLength: 1000 };
  const clock = systemClock();
  const delivery = { ackTimeoutMs: 30_000, maxAckTimeoutMs: 30_000, window: limits, maxThreads: 3, clock };
  const events = { onDelivered: () => {}, onDead: () => {}, onFailed: () => {}, onLost: () => {}, onFailure: () => {} };
  mailbox = new Mailbox(DID, inbox, delivery, events);
  await inbox.append({ recipient: DID, id: "1", type: `${ECHO}/request`, plaintext: "{}", authorized: true, expiresAt: Infinity });
  const bind: Router["mailboxes"]["bind"] = (_did, consumer, protocols) => {
    mailbox.bind(consumer, protocols);
    return mailbox;
  };
  const channel: Partial<Channel> = { push: (event) => pushed.push(event) > 0, writable: true };
  const agent = new AgentChannel({
    did: DID,
    channel: channel as Channel,
    join: {
      did: DID,
      protocols: [ECHO],
      replyProtocol: false,
      earlyDelivery: false,
      acknowledgesResponses: false,
      watchesWallet: false,
      refreshesDelegation: false,
      mode: "Create",
      ...request,
    },
    account: { owner: "key", takeUnits: () => true },
    shared: {
      router: { mailboxes: { bind } } as unknown as Router,
      children: new ChildWatchers({} as DelegatedGrants),
      maxLength: 1000,
      clock,
      events: { onAccepted: () => {}, onRejected: () => {}, onFailure: () => {}, onEnded: () => {} },
      checkKeys: () => Promise.resolve({ ok: true, keys: undefined }),
      publishKeys: () => Promise.resolve(true),
    },
  });
  agent.bind([ECHO]);
  await vi.advanceTimersByTimeAsync(0);
  return agent;
}

beforeEach(() => {
  pushed = [];
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("AgentChannel", () => {
  it("holds deliveries for a moment after the join, which agents of other SDKs need", async () => {
    await join();
    await vi.advanceTimersByTimeAsync(49);
    expect(pushed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(pushed).toEqual(["message"]);
  });

  it("delivers as soon as the agent has sent something", async () => {
    const agent = await join();
    void agent.event("ack", '{"ids":[]}');
    await vi.advanceTimersByTimeAsync(0);
    expect(pushed).toEqual(["message"]);
  });

  it("delivers immediately to an agent with early_delivery", async () => {
    await join({ earlyDelivery: true });
    expect(pushed).toEqual(["message"]);
  });

  it("delivers nothing to an agent that has disconnected", async () => {
    const agent = await join();
    agent.ended("left");
    await vi.advanceTimersByTimeAsync(1000);
    expect(pushed).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
