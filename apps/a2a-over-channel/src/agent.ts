// Serves an A2A agent over an encrypted channel, with the official SDK: node dist/agent.js. Needs SKYTALE_RELAY, SKYTALE_API_URL and
// SKYTALE_API_KEY. Keys are stored in <SKYTALE_DATA_DIR or ./a2a-over-channel>/agent.
import { DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { serveA2a } from "@parley/envelope-and-adapters/a2a";
import { ChannelError, ParleyError, SkytaleChannelManager } from "skytale";
import { CARD } from "./card.ts";
import { Counter } from "./counter.ts";
import { CHANNEL, dataDirOf } from "./place.ts";

const manager = new SkytaleChannelManager({ identity: "agent", dataDir: dataDirOf("agent") });
const tell = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);

/** Opens the channel if it exists; otherwise creates it as its first member. */
async function enter() {
  try {
    return await manager.open(CHANNEL);
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    return manager.create(CHANNEL);
  }
}

try {
  const port = await enter();
  const handler = new DefaultRequestHandler(CARD, new InMemoryTaskStore(), new Counter());
  const serving = await serveA2a(port, handler, { onError: tell });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void serving.close());
  console.log(`serving ${CARD.name} on ${CHANNEL}; up to ten clients can join with this token within a day:`);
  console.log(await manager.invite(CHANNEL, { maxUses: 10, ttl: 86_400 }));
  await serving.closed;
} catch (error) {
  tell(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
