// The official A2A client, which asks what you type: node dist/agent.js <token for the agents' channel> [<my name>]. Needs SKYTALE_RELAY,
// SKYTALE_API_URL and SKYTALE_API_KEY. Keys are kept in <SKYTALE_DATA_DIR or ./bridge-demo>/<my name>.
import { createInterface } from "node:readline";
import { SendMessageRequest } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { A2aChannelTransportFactory } from "@parley/envelope-and-adapters/a2a";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { AGENTS, BRIDGE, dataDirOf } from "./place.ts";

const [token, me = "agent"] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/agent.js <token for the agents' channel> [<my name>]");
  process.exit(2);
}

/** Questions under way at the same time: the bridge answers 64 of one party. */
const MOST = 32;
const tell = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);

const manager = new SkytaleChannelManager({ identity: me, dataDir: dataDirOf(me) });
try {
  await using calls = new A2aChannelTransportFactory(await manager.joinWithToken(AGENTS, token), { onError: tell });
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl: calls.fetch });
  const client = await new ClientFactory({ transports: [calls], cardResolver }).createFromUrl(`a2a-channel://${BRIDGE}`);
  console.log(`you are ${me}; type what is to be stamped, end with Ctrl-D`);

  const ask = async (text: string): Promise<void> => {
    const message = { messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{ text }] };
    const answer = await client.sendMessage(SendMessageRequest.fromJSON({ message }));
    const parts = "parts" in answer ? answer.parts : [];
    console.log(`${BRIDGE} answers: ${parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join(" ")}`);
  };
  const asked = new Set<Promise<void>>();
  for await (const line of createInterface({ input: process.stdin })) {
    while (asked.size >= MOST) await Promise.race(asked);
    const question = ask(line).catch(tell);
    asked.add(question);
    void question.then(() => asked.delete(question));
  }
  await Promise.all(asked);
} catch (error) {
  tell(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
