// An official A2A client that sends each line of its input: node dist/agent.js <token for the agents' channel> [<my name>]. Needs
// SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys are stored in <SKYTALE_DATA_DIR or ./bridge-demo>/<my name>.
import { createInterface } from "node:readline";
import { SendMessageRequest } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { A2aChannelTransportFactory } from "@parley/envelope-and-adapters/a2a";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { AGENTS, BRIDGE, dataDirOf } from "./demo-channels.ts";

const [token, me = "agent"] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/agent.js <token for the agents' channel> [<my name>]");
  process.exit(2);
}

/** Requests in flight. The bridge accepts 64 of one party. */
const MAX_IN_FLIGHT = 32;
const report = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);

const manager = new SkytaleChannelManager({ identity: me, dataDir: dataDirOf(me) });
try {
  await using calls = new A2aChannelTransportFactory(await manager.joinWithToken(AGENTS, token), { onError: report });
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl: calls.fetch });
  const client = await new ClientFactory({ transports: [calls], cardResolver }).createFromUrl(`a2a-channel://${BRIDGE}`);
  console.log(`you are ${me}; type the text to stamp, end with Ctrl-D`);

  const ask = async (text: string): Promise<void> => {
    const message = { messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{ text }] };
    const answer = await client.sendMessage(SendMessageRequest.fromJSON({ message }));
    const parts = "parts" in answer ? answer.parts : [];
    console.log(`${BRIDGE} answers: ${parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join(" ")}`);
  };
  const inFlight = new Set<Promise<void>>();
  for await (const line of createInterface({ input: process.stdin })) {
    while (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight);
    const request = ask(line).catch(report);
    inFlight.add(request);
    void request.then(() => inFlight.delete(request));
  }
  await Promise.all(inFlight);
} catch (error) {
  report(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
