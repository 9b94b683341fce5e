// npm run bench [name …]: measures what is named, or everything that takes no more than some minutes.
import { crossNode } from "./cross-node.ts";
import { didcommCrypto } from "./didcomm-crypto.ts";
import { introduce } from "./harness.ts";
import { idleAgents } from "./idle-agents.ts";
import { imports } from "./imports.ts";
import { layr8Requests } from "./layr8-requests.ts";
import { mls } from "./mls.ts";
import { mlsWarmTree } from "./mls-warm-tree.ts";
import { relay, relayFanOut, relayLatency, relayMemory } from "./relay.ts";

type Benches = Readonly<Record<string, () => Promise<void>>>;

const usual: Benches = {
  "layr8-requests": layr8Requests,
  "cross-node": crossNode,
  "idle-agents": idleAgents,
  mls,
  relay,
  "relay-latency": relayLatency,
  "relay-fan-out": relayFanOut,
  "relay-memory": relayMemory,
  "didcomm-crypto": didcommCrypto,
  imports,
};
/** Benchmarks that take minutes; measured only when named. */
const long: Benches = { "mls-warm-tree": mlsWarmTree };
const benches: Benches = { ...usual, ...long };

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(", ")}. There are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
introduce();
for (const [name, bench] of Object.entries(names.length === 0 ? usual : benches)) {
  if (names.length === 0 || names.includes(name)) await bench();
}
