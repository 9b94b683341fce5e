// The bridge, a member of both channels: node dist/bridge.js. Needs SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys and progress are
// stored in <SKYTALE_DATA_DIR or ./bridge-demo>/bridge.
import { ProtocolBridge } from "@parley/protocol-bridge";
import { ParleyError, Protocol, SkytaleChannelManager } from "skytale";
import { AGENTS, BRIDGE, dataDirOf, openOrCreate, TOOLS } from "./demo-channels.ts";

const report = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);
const manager = new SkytaleChannelManager({ identity: BRIDGE, dataDir: dataDirOf(BRIDGE) });
try {
  for (const channel of [AGENTS, TOOLS]) {
    await openOrCreate(manager, channel);
    console.log(`token for ${channel}: ${await manager.invite(channel, { maxUses: 10, ttl: 86_400 })}`);
  }
  const bridge = new ProtocolBridge(manager, { agent: BRIDGE, onError: report });
  const running = await bridge.bridge(AGENTS, TOOLS, Protocol.A2A, Protocol.MCP);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void bridge.stop());
  console.log("bridging; kill -9 this process and start it again as often as you like");
  const reason = await running.ended;
  if (reason !== undefined) throw reason;
} catch (error) {
  report(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
