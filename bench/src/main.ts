// npm run bench [name …]: measures what is named, or everything.
import { introduce } from "./harness.ts";
import { idleAgents } from "./idle-agents.ts";
import { layr8Requests } from "./layr8-requests.ts";

const benches: Readonly<Record<string, () => Promise<void>>> = { "layr8-requests": layr8Requests, "idle-agents": idleAgents };

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(", ")}. There are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
introduce();
for (const [name, bench] of Object.entries(benches)) if (names.length === 0 || names.includes(name)) await bench();
