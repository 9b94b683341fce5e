// A member of a channel, in a process of its own: sends, receives, or sends back what it receives.
import { SkytaleClient } from "@parley/channels";
import { memoryStore } from "@parley/mls-engine";
import { publishWindow } from "./publish-window.ts";
import { argument, serve } from "./worker.ts";

interface Arguments {
  readonly url: string;
  readonly token: string;
  readonly channel: string;
  readonly identity: string;
  /** Missing: the agent's state is in memory. */
  readonly dataDir?: string;
}

interface Question {
  readonly keyPackage?: boolean;
  /** Creates the channel with the agent of this key package, and answers with the welcome. */
  readonly createWith?: string;
  readonly join?: string;
  readonly publish?: number;
  readonly take?: number;
  readonly echo?: number;
  readonly requests?: number;
}

const { url, token, channel: name, identity, dataDir } = argument() as Arguments;
const payload = new Uint8Array(1024).fill(7);
const client = new SkytaleClient({
  endpoint: url,
  token: () => token,
  identity,
  dataDir: dataDir ?? "",
  ...(dataDir === undefined && { store: memoryStore() }),
});
let channel: Awaited<ReturnType<typeof client.createChannel>> | undefined;
let messages: AsyncIterableIterator<unknown> | undefined;

serve({}, async ({ keyPackage, createWith, join, publish, take, echo, requests }: Question) => {
  if (keyPackage === true) return { hex: hexOf(await client.generateKeyPackage()) };
  if (createWith !== undefined) {
    channel = await client.createChannel(name);
    messages = channel.messages();
    return { hex: hexOf(await channel.addMember(Buffer.from(createWith, "hex"))) };
  }
  if (join !== undefined) {
    channel = await client.joinChannel(name, Buffer.from(join, "hex"));
    messages = channel.messages();
    await channel.caughtUp();
  }
  if (take !== undefined) for (let taken = 0; taken < take; taken++) await messages?.next();
  if (publish !== undefined) await publishWindow(publish, 256, () => send());
  if (echo !== undefined) await sendBack(echo);
  return requests === undefined ? 0 : request(requests);
});

function send(): Promise<unknown> {
  if (channel === undefined) throw new Error("The agent is not a member yet");
  return channel.send(payload);
}

async function sendBack(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await messages?.next();
    await send();
  }
}

/** Sends one message after the other, each when the previous one has come back. Returns microseconds of one. */
async function request(count: number): Promise<number> {
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) await Promise.all([send(), messages?.next()]);
  return ((performance.now() - started) / count) * 1000;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
