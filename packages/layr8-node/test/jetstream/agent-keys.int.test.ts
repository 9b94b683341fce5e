import { randomBytes } from "node:crypto";
import { END_TO_END_PROTOCOL } from "@parley/didcomm-crypto";
import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { createKeys, envelope, statement, wrapper } from "../agent-keys.ts";
import { ALICE, BOB, KEY } from "../federation/pair.ts";
import { RawAgent } from "../raw-agent.ts";
import { useNats } from "./nats-servers.ts";

describeUnless(missingNats(1), "agents that hold their keys themselves", () => {
  const nats = useNats(1);

  it("have the same keys at all servers of a node, also after a rotation", { timeout: 240_000 }, async () => {
    const [natsPrefix, nodeKey] = [nats.newPrefix(), randomBytes(32)];
    const start = async (nodeName: string): Promise<Layr8Node> => {
      const node = await startNode({
        port: 0,
        logger: false,
        apiKeys: [{ key: KEY, dids: "any" }],
        nats: nats.urls,
        natsPrefix,
        nodeName,
        nodeKey,
        domain: "a.localhost",
      });
      onTestFinished(() => node.close());
      return node;
    };
    const [one, two] = [await start("one"), await start("two")];
    const join = async (node: Layr8Node, did: string, keys: object): Promise<RawAgent> => {
      const agent = await RawAgent.join(node, {
        did,
        protocols: [END_TO_END_PROTOCOL],
        apiKey: KEY,
        replyProtocol: true,
        didSpec: { keys },
      });
      onTestFinished(() => agent.close());
      return agent;
    };
    const [alices, bobs, next] = [createKeys(), createKeys(), createKeys()];
    const bob = await join(one, BOB, { proof: statement(BOB, bobs) });
    await expect.poll(() => join(two, BOB, { proof: statement(BOB, createKeys()) }).catch(String)).toContain("e.join.keys.changed");

    const alice = await join(two, ALICE, { proof: statement(ALICE, alices) });
    expect(await alice.send(wrapper(ALICE, BOB, envelope(ALICE, alices, BOB, bobs)))).toMatchObject({ status: "ok" });
    expect((await bob.receive()).plaintext).toMatchObject({ id: "outer", from: ALICE });

    const rotation = statement(BOB, next, { sequence: 1, formerUntil: Date.now() + 60_000 }, bobs);
    const published = { proof: statement(BOB, next, { sequence: 1 }), rotations: [rotation] };
    expect(await bob.client.push(bob.topic, "publish_keys", published)).toMatchObject({ status: "ok" });
    await expect.poll(() => join(two, BOB, { proof: statement(BOB, bobs) }).catch(String)).toContain("e.join.keys.changed");
    await join(two, BOB, published);
  });
});
