import { join as pathOf } from "node:path";
import { describeUnless, temporaryDirectory } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { clusterImport } from "../../src/cli/cluster.ts";
import { startNode } from "../../src/node.ts";
import { KEY } from "../federation/pair.ts";
import { ask, BOB, CHILD, contentsOf, COORDINATION, forward, idsOf, join, MEDIATOR, PHONE, PICKUP, register } from "./mediated.ts";
import { NODE_KEY, useSharedNodes } from "./shared-nodes.ts";

describeUnless(missingNats(1), "a mediator that is copied to NATS", () => {
  const shared = useSharedNodes({ mediator: MEDIATOR });
  const { nats, start } = shared;
  const lines: string[] = [];

  beforeAll(() => void vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line)));
  afterAll(() => void vi.restoreAllMocks());

  it("keeps its registrations, and the envelopes that wait, in their order", { timeout: 120_000 }, async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const dataDir = pathOf(directory.path, "data");
    const options = { port: 0, logger: false, domain: "node.example", mediator: MEDIATOR, nodeKey: NODE_KEY } as const;
    const single = await startNode({ ...options, apiKeys: [{ key: KEY, dids: "any" }], dataDir });
    const bob = await join(single, BOB);
    expect(await register(bob, CHILD, PHONE)).toEqual(["success", "success"]);
    for (const envelope of ["one", "two", "three"]) expect(await forward(single, CHILD, envelope)).toBe(202);
    expect(await forward(single, PHONE, "for the phone")).toBe(202);
    const first = await ask(bob, `${PICKUP}/delivery-request`, { limit: 1, recipient_did: CHILD });
    await ask(bob, `${PICKUP}/messages-received`, { message_id_list: idsOf(first) });
    bob.close();
    await bob.client.closed;
    await single.close();

    const flags = ["--from", dataDir, "--nats", nats.urls.join(","), "--nats-prefix", shared.prefix];
    const environment = { LAYR8_NODE_KEY: NODE_KEY.toString("base64") };
    await clusterImport(flags, environment);
    expect(lines[0]).toMatch(/^imported \d+ API keys, 2 DIDs, 3 messages in inboxes,/);
    // As if it had been interrupted at its end: what was copied is there once.
    const connection = await nats.connect(shared.prefix);
    onTestFinished(() => connection.close());
    await connection.jsm.streams.purge(`${shared.prefix}_META`.toUpperCase());
    await connection.js.publish(`${shared.prefix}.meta.import`, "started");
    await clusterImport(flags, environment);

    const [one, other] = [await start(), await start()];
    const again = await join(one, BOB);
    expect((await ask(again, `${COORDINATION}/recipient-query`)).body["dids"]).toEqual(
      expect.arrayContaining([{ recipient_did: CHILD }, { recipient_did: PHONE }]),
    );
    expect(await forward(other, CHILD, "four")).toBe(202);
    const waiting = await ask(again, `${PICKUP}/delivery-request`, { limit: 10, recipient_did: CHILD });
    expect(contentsOf(waiting)).toEqual(["two", "three", "four"]);
    await ask(again, `${PICKUP}/messages-received`, { message_id_list: idsOf(waiting) });
    const left = await ask(again, `${PICKUP}/delivery-request`, { limit: 10 });
    expect(contentsOf(left)).toEqual(["for the phone"]);
    expect((await ask(again, `${PICKUP}/messages-received`, { message_id_list: idsOf(left) })).body).toMatchObject({ message_count: 0 });
    // It is still the agent of both: another one can't take its place.
    expect(await register(await join(other, CHILD), CHILD)).toEqual(["client_error"]);
  });
});
