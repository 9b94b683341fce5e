import { createMlsEngine, memoryStore, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { RelayClient } from "@parley/skytale-relay";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiClient } from "../src/api/api-client.ts";
import { GroupChannel } from "../src/channel/group-channel.ts";
import { LogReader } from "../src/channel/log-reader.ts";
import { Inbox } from "../src/channel/inbox.ts";
import { Agent } from "../src/agent.ts";
import { SkytaleChannelManager } from "../src/index.ts";
import { JoinRequestWorker } from "../src/invites/join-request-worker.ts";
import { PendingAdmissionStore } from "../src/invites/pending-admission-store.ts";
import { ChannelInvites } from "../src/manager/channel-invites.ts";
import { ManagedChannel } from "../src/manager/managed-channel.ts";
import { Harness, NAME } from "./support/harness.ts";

vi.setConfig({ testTimeout: 60_000 });

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await harness[Symbol.asyncDispose]();
});

type Closable = Record<"close", () => Promise<void>>;

const engine = await createMlsEngine({ identity: "nobody", store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
const group = await engine.createGroup(new Uint8Array([1]));

const STEPS: readonly [step: string, owner: object, method: string][] = [
  ["the manager's invites", ChannelInvites.prototype, "close"],
  ["a managed channel", ManagedChannel.prototype, "close"],
  ["the join request worker", JoinRequestWorker.prototype, "close"],
  ["the manager's pending admissions", ChannelInvites.prototype, "closeStore"],
  ["pending admissions on disk", PendingAdmissionStore.prototype, "close"],
  ["the agent", Agent.prototype, "close"],
  ["a channel", GroupChannel.prototype, "close"],
  ["receiving", LogReader.prototype, "stop"],
  ["the inbox", Inbox.prototype, "close"],
  ["the group", Object.getPrototypeOf(group) as object, "close"],
  ["the relay client", RelayClient.prototype, "close"],
  ["the API client", ApiClient.prototype, "close"],
  ["the engine", Object.getPrototypeOf(engine) as object, "close"],
];

it.each(STEPS)("a manager unlocks its directory and reports the first error if closing fails: %s", async (_step, owner, method) => {
  const { relayUrl, apiUrl } = harness.server;
  const options = { endpoint: relayUrl, apiUrl, apiKey: harness.apiKey, identity: "alice", dataDir: `${harness.directory}/alice` };
  const manager = new SkytaleChannelManager(options);
  await manager.create(NAME);
  await manager.invite(NAME);

  const target = owner as Closable;
  const name = method as "close";
  const { [name]: close } = target;
  const error = new TypeError("this step fails");
  const failing = vi.spyOn(target, name).mockImplementation(async function failing(this: unknown) {
    await Reflect.apply(close, this, []);
    throw error;
  });
  const closing = manager.close();
  await expect(closing).rejects.toBe(error);
  expect(failing).toHaveBeenCalled();
  await expect(manager.close()).rejects.toBe(error);
  failing.mockRestore();

  await using again = new SkytaleChannelManager(options);
  await again.open(NAME);
  await again.send(NAME, "again");
});
