import { join } from "node:path";
import { findLenses, readLens } from "@parley/lens";
import { startSkytale } from "@parley/skytale-server";
import { temporaryDirectory } from "@parley/test-assertions";
import { SkytaleChannelManager, type SkytaleChannelManagerOptions } from "skytale";
import { expect, it, onTestFinished } from "vitest";

const CHANNEL = "acme/team/general";
const MESSAGES = 5;

it("a member reports how long decryption takes: to its program, and to the console by its lens", async () => {
  const { path, remove } = await temporaryDirectory();
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  onTestFinished(async () => {
    await server.close();
    await remove();
  });
  const { relayUrl: endpoint, apiUrl, apiKey } = server;
  const member = (identity: string, options: Partial<SkytaleChannelManagerOptions> = {}): SkytaleChannelManager => {
    const manager = new SkytaleChannelManager({ endpoint, apiUrl, apiKey, identity, dataDir: join(path, identity), ...options });
    onTestFinished(() => manager.close());
    return manager;
  };
  const times: [channel: string, ms: number][] = [];
  const lenses = join(path, "lenses");
  const [alice, bob] = [
    member("alice"),
    member("bob", { lens: lenses, events: { onDecrypted: (channel, ms) => times.push([channel, ms]) } }),
  ];
  await alice.create(CHANNEL);
  await bob.joinWithToken(CHANNEL, await alice.invite(CHANNEL));
  for (let count = 0; count < MESSAGES; count++) await alice.send(CHANNEL, "hello");
  await expect.poll(() => times.length).toBe(MESSAGES);
  for (const [channel, ms] of times) expect([channel, ms > 0]).toEqual([CHANNEL, true]);

  const [lens] = await findLenses(lenses);
  const result = lens && (await readLens(lens));
  const report = result?.ok === true && result.report.kind === "channels" ? result.report.channels[0]?.decryption : undefined;
  const sorted = times.map(([, ms]) => ms).toSorted((one, other) => one - other);
  expect(report).toEqual({ count: MESSAGES, medianMs: sorted[2], slowMs: sorted[4] });
});
