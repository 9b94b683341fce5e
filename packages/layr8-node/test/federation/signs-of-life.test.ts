import { expect, it } from "vitest";
import { AgreementKeys } from "../../src/federation/agreement-keys.ts";
import { Inbound } from "../../src/federation/inbound/inbound.ts";
import { KnownHosts } from "../../src/federation/inbound/known-hosts.ts";
import { UnknownSenderLimiter } from "../../src/federation/inbound/unknown-sender-limiter.ts";
import { type CheckResult, PASSED, rejected } from "../../src/routing/rejection.ts";
import { World } from "./outbound/world.ts";

const DENIED = rejected({ label: "unauthorized", reason: "unauthorized", code: "e.m.authz.denied" });

const world = new World();
const alice = world.create("did:web:partner.example:alice", "https://partner.example");
const bob = world.create("did:web:node.example:bob", "https://node.example");

/** Posts an envelope to the node of Bob. Returns the senders that it reports as authenticated. */
async function heardOf(envelope: string, result: CheckResult = PASSED): Promise<readonly string[]> {
  const heard: string[] = [];
  const hosted = { has: (did: string) => did === bob, privateKey: async (did: string) => world.privateKey(`${did}#agreement`) };
  const inbound = new Inbound({
    isHosted: hosted.has,
    keysAtAgent: () => false,
    keys: new AgreementKeys(hosted),
    resolver: world.resolver,
    unknownSenders: new UnknownSenderLimiter({ perSecond: 100, atOnce: 10, atOncePerAddress: 10, now: Date.now }),
    knownHosts: new KnownHosts(undefined, []),
    limits: { maxEnvelopeBytes: 100_000, maxMessageLength: 100_000, remoteMessagesPerSecond: 100 },
    receive: () => Promise.resolve(result),
    onProcessed: () => undefined,
    onAuthenticated: (sender) => heard.push(sender),
    onFailure: (error) => {
      throw error;
    },
    now: Date.now,
  });
  await inbound.take(Buffer.from(envelope), "203.0.113.1");
  return heard;
}

function message(changes: object = {}): string {
  return JSON.stringify({ id: "1", type: "https://example.org/test/1.0/ping", from: alice, to: [bob], body: {}, ...changes });
}

it("counts an accepted authcrypted message as a sign of life of its sender", async () => {
  expect(await heardOf(await world.crypto.pack(message(), { from: alice, to: bob }))).toEqual([alice]);
});

it("does not count a rejection as a sign of life", async () => {
  expect(await heardOf(await world.crypto.pack(message(), { from: alice, to: bob }), DENIED)).toEqual([]);
});

it("does not count messages that any sender could have encrypted as a sign of life", async () => {
  expect(await heardOf(await world.crypto.pack(message(), { from: "anonymous", to: bob }))).toEqual([]);
  expect(await heardOf(await world.crypto.pack(message(), { from: "anonymous", to: bob, signBy: alice }))).toEqual([]);
});

it("does not count damaged messages as a sign of life", async () => {
  const envelope = await world.crypto.pack(message(), { from: alice, to: bob });
  expect(await heardOf(envelope.replace(/"tag":"[^"]*"/, '"tag":"AAAA"'))).toEqual([]);
});
