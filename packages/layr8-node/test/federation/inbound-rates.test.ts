import { beforeEach, describe, expect, it } from "vitest";
import { AgreementKeys } from "../../src/federation/agreement-keys.ts";
import { Inbound } from "../../src/federation/inbound/inbound.ts";
import { KnownHosts } from "../../src/federation/inbound/known-hosts.ts";
import { UnknownSenderLimiter } from "../../src/federation/inbound/unknown-sender-limiter.ts";
import { PASSED } from "../../src/routing/rejection.ts";
import { Endpoints } from "../../src/federation/outbound/endpoints.ts";
import { World } from "./outbound/world.ts";

const ADDRESS = "203.0.113.1";
const ACCEPTED = undefined;

let world: World;
let inbound: Inbound;
let bob: string;
let count: number;

/** All at one moment: no rate regains anything. */
function open({ messagesPerSecond = 1000, strangersPerSecond = 1000 }): void {
  const hosted = { has: (did: string) => did === bob, privateKey: async (did: string) => world.privateKey(`${did}#agreement`) };
  inbound = new Inbound({
    isHosted: hosted.has,
    keysAtAgent: () => false,
    keys: new AgreementKeys(hosted),
    resolver: world.resolver,
    unknownSenders: new UnknownSenderLimiter({ perSecond: strangersPerSecond, atOnce: 10, atOncePerAddress: 10, now: () => 0 }),
    knownHosts: new KnownHosts(undefined, []),
    limits: { maxEnvelopeBytes: 100_000, maxMessageLength: 100_000, remoteMessagesPerSecond: messagesPerSecond },
    receive: () => Promise.resolve(PASSED),
    onProcessed: () => undefined,
    onAuthenticated: () => undefined,
    onFailure: (error) => {
      throw error;
    },
    now: () => 0,
  });
}

/** The code in the response to a message; `undefined` when it is accepted. */
async function send(from: string, address = ADDRESS): Promise<string | undefined> {
  const message = { id: `${++count}`, type: "https://example.org/test/1.0/ping", from, to: [bob], body: {} };
  const envelope = await world.crypto.pack(JSON.stringify(message), { from, to: bob });
  const result = await inbound.take(Buffer.from(envelope), address);
  return result.ok ? undefined : result.response.code;
}

async function sendTimes(times: number, from: string, address?: string): Promise<(string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (let sent = 0; sent < times; sent++) answers.push(await send(from, address));
  return answers;
}

beforeEach(() => {
  world = new World();
  bob = world.create("did:web:node.example:bob", "https://node.example");
  count = 0;
});

describe("messages of other nodes", () => {
  it("have a rate for each sender, and ten times that for all senders of a host", async () => {
    open({ messagesPerSecond: 2 });
    const senders = Array.from({ length: 11 }, (_, number) => world.create(`did:web:partner.example:${number}`, "https://partner.example"));
    expect(await sendTimes(3, senders[0] ?? "")).toEqual([ACCEPTED, ACCEPTED, "rate_limited"]);
    for (const sender of senders.slice(1, 10)) expect(await sendTimes(2, sender)).toEqual([ACCEPTED, ACCEPTED]);
    expect(await send(senders[10] ?? "")).toBe("rate_limited");
    expect(await send(world.create("did:web:other.example:carol", "https://other.example"))).toBe(ACCEPTED);
  });

  it("of senders without a host are all counted for their address, whichever DID they use", async () => {
    open({ strangersPerSecond: 4 });
    const known = world.create("did:web:partner.example:alice", "https://partner.example");
    expect(await send(known)).toBe(ACCEPTED);
    const [first, second] = [
      world.create("did:key:z6MkFirst", "https://a.example"),
      world.create("did:key:z6MkSecond", "https://a.example"),
    ];
    expect(await sendTimes(3, first)).toEqual([ACCEPTED, ACCEPTED, ACCEPTED]);
    expect([await send(first), await send(second)]).toEqual(["rate_limited", "rate_limited"]);
    expect(await send(second, "203.0.113.2")).toBe(ACCEPTED);
    expect(await send(known)).toBe(ACCEPTED);
  });
});

describe("an endpoint at an origin that the operator vouches for", () => {
  const endpoints = new Endpoints({ hosts: { "partner.example": "http://127.0.0.1:4001" }, allow: [], httpForLoopback: false });

  it("is trusted in documents of that host only", () => {
    const trusted = { origin: "http://127.0.0.1:4001", trusted: true };
    expect(endpoints.target("http://127.0.0.1:4001/didcomm", "did:web:partner.example:alice")).toMatchObject(trusted);
    expect(endpoints.target("https://partner.example/didcomm", "did:web:mediated.example:bob")).toMatchObject(trusted);
  });

  it.each(["did:web:evil.example:mallory", "did:web:partner.example.evil.example", "did:key:z6MkMallory"])(
    "rejects an endpoint of %s",
    (did) => {
      expect(endpoints.target("http://127.0.0.1:4001/admin", did)).toBeUndefined();
    },
  );
});
