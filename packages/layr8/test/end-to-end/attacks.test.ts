import { isJsonObject, type JsonObject } from "@parley/core";
import { pack, packSigned } from "@parley/didcomm-crypto";
import { createDidResolver, didWebMethod, publicKeyJwk, type DidDocument } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client, Config, InboundMessage, Receipt } from "../../src/index.ts";
import { Agents, ALICE, ask, BOB, CAROL, ECHO } from "./agents.ts";
import { createJwks } from "./create-jwks.ts";
import { LyingHost, LyingNode, ok, type Frame, type Lie } from "./lying-node.ts";

const RECEIPT = "https://parley.dev/receipts/1.0/receipt";
const MALLORY = "did:web:a.localhost:mallory";

let agents: Agents;
/** Alice's node, Bob's node, and the host of Bob's documents, as liars. */
let liars: { alices: LyingNode; bobs: LyingNode; host: LyingHost };

beforeEach(async () => {
  agents = await Agents.start();
  liars = {
    alices: await LyingNode.listen(agents.node("a").url),
    bobs: await LyingNode.listen(agents.node("b").url),
    host: await LyingHost.listen(agents.ports.b),
  };
});

afterEach(async () => {
  await agents.closeClients();
  await Promise.all([liars.alices.close(), liars.bobs.close(), liars.host.close()]);
  await agents[Symbol.asyncDispose]();
});

/** Alice: her documents of Bob's host come from the liar. */
function alice(config: Config = {}): Client {
  return agents.agent(ALICE, {
    nodeUrl: liars.alices.url,
    resolution: { hosts: { ...agents.hosts, "b.localhost": liars.host.origin } },
    ...config,
  });
}

const bob = (config: Config = {}): Promise<Client> => agents.echo(BOB, { nodeUrl: liars.bobs.url, ...config });

/** Whether a frame is a message with an envelope. */
function isEnvelope([, , , event, payload]: Frame): boolean {
  return event === "message" && JSON.stringify(payload).includes('"ciphertext"');
}

/** Applies a lie to messages with envelopes only. */
function toEnvelopes(lie: Lie): Lie {
  return (frame) => (isEnvelope(frame) ? lie(frame) : [frame]);
}

/** The frame with another plaintext or context: what the node delivers in place of it. */
function delivering([joinRef, ref, topic, event, payload]: Frame, change: (payload: JsonObject) => JsonObject): Frame {
  return [joinRef, ref, topic, event, change(structuredClone(payload))];
}

function wrapperOf(payload: JsonObject): JsonObject {
  return payload["plaintext"] as JsonObject;
}

function envelopeOf(payload: JsonObject): JsonObject {
  const [attachment] = wrapperOf(payload)["attachments"] as unknown as [{ data: { json: JsonObject } }];
  return attachment.data.json;
}

/** The payload with another envelope. */
function withEnvelope(payload: JsonObject, json: JsonObject): JsonObject {
  const wrapper = wrapperOf(payload);
  return { ...payload, plaintext: { ...wrapper, attachments: [{ id: "envelope", data: { json } }] } };
}

function documentOf(did: string): Promise<DidDocument> {
  return createDidResolver({ methods: didWebMethod({ fetch: createNodeFetch(), hosts: agents.hosts }) }).resolve(did);
}

/** A document with other keys under the same ids. */
function swapped(document: JsonObject): JsonObject {
  const methods = document["verificationMethod"] as readonly JsonObject[];
  return { ...document, verificationMethod: methods.map((method) => ({ ...method, publicKeyJwk: otherKey(method["publicKeyJwk"]) })) };
}

function otherKey(jwk: unknown): JsonObject {
  const isSigning = isJsonObject(jwk) && jwk["crv"] === "Ed25519";
  return { ...createJwks(isSigning ? "ed25519" : "x25519").publicKey };
}

async function settled(): Promise<void> {
  // A request through the same connections shows that what came before it was looked at.
  liars.bobs.fromNode = (frame) => [frame];
  liars.alices.fromAgent = (frame) => [frame];
  const asker = await agents.agent("did:web:a.localhost:control").connect();
  await asker.request(ask(BOB, { control: true }));
}

const handled = (): readonly unknown[] => agents.received.filter((entry) => !JSON.stringify(entry).includes("control"));

describe("a malicious node that", () => {
  it("drops a message and confirms it: the request ends with a timeout", async () => {
    await bob();
    const client = await alice().connect();
    liars.alices.fromAgent = toEnvelopes((frame) => [ok(frame)]);
    await client.send(ask(BOB));
    await expect(client.request(ask(BOB), { timeoutMs: 300 })).rejects.toMatchObject({ code: "request_timeout" });
    expect(agents.received).toEqual([]);
  });

  it("replays a delivery: it is handled once", async () => {
    const calls: unknown[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = agents.agent(BOB, { nodeUrl: liars.bobs.url });
    slow.handle(`${ECHO}/request`, async ({ body }: InboundMessage) => {
      calls.push(body["n"]);
      await held;
    });
    await slow.connect();
    const client = await alice().connect();
    liars.bobs.fromNode = toEnvelopes((frame) => [
      frame,
      frame,
      // The node chooses the id of the wrapper, and what it says about the message.
      delivering(frame, (payload) => ({ ...payload, plaintext: { ...wrapperOf(payload), id: "another" } })),
      delivering(frame, (payload) => ({ context: { recipient: CAROL, attempt: 7 }, plaintext: { ...wrapperOf(payload), id: "third" } })),
    ]);
    await client.send(ask(BOB, { n: 1 }));
    // Messages of one sender are looked at in their order: when this one is handled, all before it were.
    await client.send(ask(BOB, { n: 2 }));
    await expect.poll(() => calls).toContain(2);
    release();
    await client.send(ask(BOB, { n: 3 }));
    await expect.poll(() => calls).toContain(3);
    expect(calls).toEqual([1, 2, 3]);
  });

  it("replays a delivery after a restart of the agent: it is not handled again", async () => {
    const first = await bob();
    const client = await alice().connect();
    let captured: Frame | undefined;
    liars.bobs.fromNode = toEnvelopes((frame) => {
      captured ??= frame;
      return [frame];
    });
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(handled).toHaveLength(1);
    await first.close();
    let joinRef: string | null = null;
    liars.bobs.fromAgent = (frame) => {
      if (frame[3] === "phx_join") joinRef = frame[0];
      return [frame];
    };
    await bob();
    const [, , topic = "", event = "", payload = {}] = captured ?? [];
    liars.bobs.inject([joinRef, null, topic, event, { ...payload, plaintext: { ...wrapperOf(payload), id: "replayed" } }]);
    await settled();
    expect(handled()).toHaveLength(1);
  });

  it("swaps the keys in a document: the sender refuses them", async () => {
    await bob();
    const client = await alice().connect();
    await client.request(ask(BOB));
    await client.close();
    liars.host.document = swapped;
    const back = await alice().connect();
    await expect(back.send(ask(BOB))).rejects.toMatchObject({ code: "key_changed" });
    await expect(back.keyFingerprint(BOB)).rejects.toMatchObject({ code: "key_changed" });
    expect(handled()).toHaveLength(1);
    liars.host.document = (document) => document;
    expect(await back.trustKeys(BOB)).toMatch(/^\d{5} /);
    expect(await back.request(ask(BOB))).toMatchObject({ from: BOB });
  });

  it("swaps the keys in a sender's document: the recipient refuses its messages", async () => {
    const host = await LyingHost.listen(agents.ports.a);
    const resolution = { hosts: { ...agents.hosts, "a.localhost": host.origin } };
    const first = await bob({ resolution });
    const client = await alice().connect();
    await client.request(ask(BOB));
    await first.close();
    host.document = swapped;
    await bob({ resolution });
    await expect(client.request(ask(BOB), { timeoutMs: 3000 })).rejects.toMatchObject({
      code: expect.stringMatching(/^e\.p|^request_timeout/),
    });
    await expect.poll(() => agents.codes).toContain("key_changed");
    expect(handled()).toHaveLength(1);
    await host.close();
  });

  it("swaps the keys before the first contact: only the fingerprints differ", async () => {
    const recipient = await bob();
    liars.host.document = swapped;
    const client = await alice().connect();
    expect(await client.keyFingerprint(BOB)).not.toBe(await recipient.keyFingerprint());
    // The keys are not Bob's, so he can't read what is encrypted for them.
    await expect(client.request(ask(BOB), { timeoutMs: 500 })).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:request_timeout|e\.p\.)/),
    });
    expect(handled()).toEqual([]);
  });

  it("serves the former keys after a rotation: the sender refuses them", async () => {
    const recipient = await bob();
    let former: JsonObject | undefined;
    liars.host.document = (document) => {
      former ??= document;
      return document;
    };
    const client = await alice().connect();
    await client.request(ask(BOB));
    await recipient.rotateKeys();
    await client.trustKeys(BOB);
    await client.close();
    liars.host.document = (document) => former ?? document;
    const back = await alice().connect();
    await expect(back.send(ask(BOB))).rejects.toMatchObject({ code: "key_changed", message: expect.stringContaining("older keys") });
  });

  it("announces a rotation that the agent has not signed: the sender refuses it", async () => {
    const recipient = await bob();
    const client = await alice().connect();
    await client.request(ask(BOB));
    await client.close();
    const stranger = await agents.echo(CAROL);
    await stranger.rotateKeys();
    const { keyRotations } = await documentOf(CAROL);
    liars.host.document = (document) => ({ ...swapped(document), keyRotations: [...(keyRotations ?? [])] });
    const back = await alice().connect();
    await expect(back.send(ask(BOB))).rejects.toMatchObject({ code: "key_changed" });
    expect(recipient.connected).toBe(true);
  });

  it("reorders messages: each response still belongs to its request", async () => {
    await bob();
    const client = await alice().connect();
    const held: Frame[] = [];
    liars.bobs.fromNode = toEnvelopes((frame) => {
      held.push(frame);
      return held.length === 3 ? held.splice(0).toReversed() : [];
    });
    const answers = await Promise.all([1, 2, 3].map((n) => client.request(ask(BOB, { n }))));
    expect(answers.map(({ body }) => body["n"])).toEqual([1, 2, 3]);
    expect(agents.received.map((entry) => (entry as [string, string, { n: number }])[2].n)).toEqual([3, 2, 1]);
  });

  it.each(["ciphertext", "tag", "iv", "protected"])("changes %s: the message is not handled", async (member) => {
    await bob();
    const client = await alice().connect();
    liars.bobs.fromNode = toEnvelopes((frame) => [
      delivering(frame, (payload) => {
        const envelope = envelopeOf(payload);
        const text = String(envelope[member]);
        const changed = `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
        return withEnvelope(payload, { ...envelope, [member]: changed });
      }),
    ]);
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(() => agents.codes).toEqual(["undecryptable"]);
    expect(agents.received).toEqual([]);
  });

  it("delivers a message to another agent: it can't be decrypted", async () => {
    await bob();
    await agents.echo(CAROL, { nodeUrl: liars.bobs.url });
    const client = await alice().connect();
    let captured: JsonObject | undefined;
    liars.bobs.fromNode = toEnvelopes((frame) => {
      if (frame[2].endsWith(":bob")) captured = envelopeOf(frame[4]);
      return frame[2].endsWith(":carol") && captured !== undefined
        ? [delivering(frame, (payload) => withEnvelope(payload, captured as JsonObject))]
        : [frame];
    });
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(handled).toHaveLength(1);
    await client.send(ask(CAROL, { n: 2 }));
    await expect.poll(() => agents.codes).toEqual(["undecryptable"]);
    expect(handled()).toEqual([[BOB, ALICE, { n: 1 }]]);
  });

  it("strips the encryption, or makes up a message: what is not encrypted is refused", async () => {
    await bob();
    const client = await alice().connect();
    liars.bobs.fromNode = toEnvelopes((frame) => [
      delivering(frame, (payload) => ({
        ...payload,
        plaintext: { id: "made-up", type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: "made up" } },
      })),
    ]);
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(() => agents.codes).toEqual(["not_encrypted"]);
    expect(agents.received).toEqual([]);
  });

  it("names another sender: the message is refused", async () => {
    await bob();
    const client = await alice().connect();
    liars.bobs.fromNode = toEnvelopes((frame) => [
      delivering(frame, (payload) => ({ ...payload, plaintext: { ...wrapperOf(payload), from: MALLORY } })),
    ]);
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(() => agents.codes).toEqual(["sender_mismatch"]);
    expect(agents.received).toEqual([]);
  });

  it("encrypts in the name of an agent, with a key of its own: the message is refused", async () => {
    await bob();
    const client = await alice().connect();
    const [senderKid = ""] = (await documentOf(ALICE)).keyAgreement;
    const bobs = await documentOf(BOB);
    const [recipientKid = ""] = bobs.keyAgreement;
    const found = bobs.verificationMethod.find(({ id }) => id === recipientKid);
    if (found === undefined) throw new Error("Bob has no key");
    const { privateKey } = createJwks("x25519");
    const forged = pack(JSON.stringify({ id: "forged", type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: "forged" } }), {
      from: { kid: senderKid, privateKey },
      to: { kid: recipientKid, publicKey: publicKeyJwk(found) },
    });
    liars.bobs.fromNode = toEnvelopes((frame) => [delivering(frame, (payload) => withEnvelope(payload, JSON.parse(forged) as JsonObject))]);
    await client.send(ask(BOB, { n: 1 }));
    await expect.poll(() => agents.codes).toEqual(["undecryptable"]);
    expect(agents.received).toEqual([]);
  });

  it("makes up credentials of the sender: the handler does not see them", async () => {
    const contexts: unknown[] = [];
    const client = agents.agent(BOB, { nodeUrl: liars.bobs.url });
    client.handle(`${ECHO}/request`, ({ context }: InboundMessage) => void contexts.push(context?.senderCredentials));
    await client.connect();
    liars.bobs.fromNode = toEnvelopes((frame) => [
      delivering(frame, (payload) => ({
        ...payload,
        context: { sender_credentials: [{ credential_subject: { id: ALICE, role: "admin" } }] },
      })),
    ]);
    await (await alice().connect()).send(ask(BOB));
    await expect.poll(() => contexts).toEqual([[]]);
  });

  it("reports a problem in the name of the recipient: the sender sees that it comes from a node", async () => {
    await bob();
    const client = await alice().connect();
    liars.alices.fromAgent = toEnvelopes((frame) => {
      const [joinRef, , topic, , payload] = frame;
      const body = { code: "e.p.req.refused", comment: "Bob hates you" };
      const plaintext = {
        id: "report",
        type: "https://didcomm.org/report-problem/2.0/problem-report",
        from: BOB,
        to: [ALICE],
        thid: payload["id"] ?? "",
        body,
      };
      liars.alices.inject([joinRef, null, topic, "message", { context: {}, plaintext }]);
      return [ok(frame)];
    });
    await expect(client.request(ask(BOB))).rejects.toMatchObject({ code: "e.p.req.refused", from: ALICE });
  });

  it("drops a receipt and confirms it: the send ends with a timeout", async () => {
    await bob();
    const client = await alice().connect();
    liars.bobs.fromAgent = toEnvelopes((frame) => [ok(frame)]);
    await expect(client.send(ask(BOB, { n: 1 }), { until: "handled", timeoutMs: 500 })).rejects.toMatchObject({
      code: "receipt_timeout",
      receipts: [],
      pending: [BOB],
    });
    await expect.poll(handled).toEqual([[BOB, ALICE, { n: 1 }]]);
  });

  it("makes up a receipt: what is not encrypted is refused", async () => {
    await bob();
    const client = await alice().connect();
    const seen: Receipt[] = [];
    const { privateKey } = createJwks("ed25519");
    const said = { id: "made-up", type: RECEIPT, from: BOB, to: [ALICE], body: { message_id: "m1", state: "handled" } };
    const signed = packSigned(JSON.stringify(said), { kid: (await documentOf(BOB)).authentication[0] ?? "", privateKey });
    const plaintext = { ...said, attachments: [{ id: "signed", data: { json: JSON.parse(signed) as JsonObject } }] };
    liars.bobs.fromAgent = toEnvelopes((frame) => [ok(frame)]);
    liars.alices.fromAgent = toEnvelopes((frame) => {
      liars.alices.inject([frame[0], null, frame[2], "message", { context: {}, plaintext }]);
      return [frame];
    });
    const sent = client.send({ ...ask(BOB), id: "m1" }, { until: "handled", timeoutMs: 500, onReceipt: (receipt) => seen.push(receipt) });
    await expect(sent).rejects.toMatchObject({ code: "receipt_timeout", receipts: [] });
    await expect.poll(() => agents.codes).toEqual(["not_encrypted"]);
    expect(seen).toEqual([]);
  });

  it("encrypts a receipt in the name of the recipient, with keys of its own: it is refused", async () => {
    await bob();
    const client = await alice().connect();
    const alices = await documentOf(ALICE);
    const [kid = ""] = alices.keyAgreement;
    const found = alices.verificationMethod.find(({ id }) => id === kid);
    if (found === undefined) throw new Error("Alice has no key");
    const [bobsKid = ""] = (await documentOf(BOB)).keyAgreement;
    const forged = pack(
      JSON.stringify({ id: "forged", type: RECEIPT, from: BOB, to: [ALICE], body: { message_id: "m1", state: "handled" } }),
      { from: { kid: bobsKid, privateKey: createJwks("x25519").privateKey }, to: { kid, publicKey: publicKeyJwk(found) } },
    );
    liars.alices.fromNode = toEnvelopes((frame) => [
      delivering(frame, (payload) => withEnvelope(payload, JSON.parse(forged) as JsonObject)),
    ]);
    const sent = client.send({ ...ask(BOB), id: "m1" }, { until: "handled", timeoutMs: 1000 });
    await expect(sent).rejects.toMatchObject({ code: "receipt_timeout", receipts: [] });
    await expect.poll(() => new Set(agents.codes)).toEqual(new Set(["undecryptable"]));
  });

  it("replays a receipt: it counts once, and for its message only", async () => {
    await bob();
    const client = await alice().connect();
    const seen: Receipt[] = [];
    let count = 0;
    const captured: Frame[] = [];
    liars.alices.fromNode = toEnvelopes((frame) => {
      captured.push(frame);
      const again = captured.map((old) =>
        delivering(old, (payload) => ({ ...payload, plaintext: { ...wrapperOf(payload), id: `again-${count++}` } })),
      );
      return [frame, ...again];
    });
    for (const id of ["m1", "m2"]) {
      // oxlint-disable-next-line no-await-in-loop
      await client.send({ ...ask(BOB), id }, { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
    }
    // Receipts of one agent are looked at in their order: all replays before this response were.
    await client.request(ask(BOB));
    expect(seen.map(({ messageId, state }) => `${messageId} ${state}`)).toEqual([
      "m1 delivered",
      "m1 handled",
      "m2 delivered",
      "m2 handled",
    ]);
    expect(count).toBeGreaterThan(9);
    expect(client.rejectedReceipts.size).toBe(0);
    expect(agents.errors).toEqual([]);
  });

  it("replays a message that asks for receipts: it gets each of them once", async () => {
    await bob();
    const client = await alice().connect();
    let count = 0;
    liars.bobs.fromNode = toEnvelopes((frame) => [
      frame,
      ...Array.from({ length: 20 }, () =>
        delivering(frame, (payload) => ({ context: { attempt: 7 }, plaintext: { ...wrapperOf(payload), id: `again-${count++}` } })),
      ),
    ]);
    let sent = 0;
    liars.bobs.fromAgent = toEnvelopes((frame) => {
      sent += 1;
      return [frame];
    });
    await client.send(ask(BOB, { n: 1 }), { until: "handled" });
    liars.bobs.fromNode = (frame) => [frame];
    await client.request(ask(BOB, { n: 2 }));
    // `delivered`, `handled` and the response.
    expect(sent).toBe(3);
    expect(handled()).toHaveLength(2);
  });

  it("holds the keys itself instead of publishing the agent's: the agent does not connect", async () => {
    liars.alices.fromNode = (frame) => {
      const { response } = frame[4];
      if (!isJsonObject(response) || !Array.isArray(response["capabilities"])) return [frame];
      const capabilities = response["capabilities"].filter((capability) => capability !== "agent_keys/1");
      return [[frame[0], frame[1], frame[2], frame[3], { ...frame[4], response: { ...response, capabilities } }]];
    };
    await expect(alice().connect()).rejects.toMatchObject({ code: "join_refused", reason: "keys_unsupported" });
  });
});
