// Talks to an A2A agent over an encrypted channel, with the official SDK: node dist/client.js <invite token> [<my name>]. Needs
// SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys are stored in <SKYTALE_DATA_DIR or ./a2a-over-channel>/<my name>.
import { createInterface } from "node:readline";
import { ClientFactory, DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { A2aChannelTransportFactory } from "@parley/envelope-and-adapters/a2a";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { Conversation } from "./conversation.ts";
import { AGENT, CHANNEL, dataDirOf } from "./place.ts";

const [token, me = "client"] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/client.js <invite token> [<my name>]");
  process.exit(2);
}

const said = (error: unknown): string => ParleyError.from(error).message;
const manager = new SkytaleChannelManager({ identity: me, dataDir: dataDirOf(me) });
try {
  const calls = new A2aChannelTransportFactory(await manager.joinWithToken(CHANNEL, token), { timeoutMs: 30_000 });
  const factory = new ClientFactory({ transports: [calls], cardResolver: new DefaultAgentCardResolver({ fetchImpl: calls.fetch }) });
  const client = await factory.createFromUrl(`a2a-channel://${AGENT}`);
  const { name, description } = await client.getAgentCard();
  console.log(`${name}: ${description}`);
  console.log(`you are ${me}; type a message, or /task, /cancel, /leave, /again [id]; end with Ctrl-D`);

  const conversation = new Conversation(client, (line) => console.log(line));
  for await (const line of createInterface({ input: process.stdin })) {
    await conversation.act(line).catch((error: unknown) => console.log(`(failed: ${said(error)})`));
  }
  await conversation.watched();
  await calls.close();
} catch (error) {
  console.error(said(error));
  process.exitCode = 1;
} finally {
  await manager.close();
}
