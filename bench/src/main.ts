// npm run bench [name …] [--save] [--profile]: measures what is named, or everything that takes no more than some minutes. Figures and plots are
// written to .cache/bench, and with --save to bench/results and docs/bench. With --profile, CPU profiles are written to .cache/bench/profiles.
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { channel } from "./channel.ts";
import { clusterMemory } from "./cluster-memory.ts";
import { clusterRelay } from "./cluster-relay.ts";
import { clusterRequests } from "./cluster-requests.ts";
import { consoleCost } from "./console-cost.ts";
import { crossNode } from "./cross-node.ts";
import { didcommCrypto } from "./didcomm-crypto.ts";
import { grants } from "./grants.ts";
import { growthChannels } from "./growth/channels.ts";
import { growthInbox, growthInboxFull } from "./growth/inbox.ts";
import { growthMembers } from "./growth/members.ts";
import { growthLog, growthLogFull } from "./growth/relay-log.ts";
import { relayMemoryCurve } from "./growth/relay-memory.ts";
import { profiles, recorder, ROUNDS, startProfiles } from "./harness.ts";
import { idleAgents, idleAgentsCurve } from "./idle-agents.ts";
import { imports } from "./imports.ts";
import { layr8Requests } from "./layr8-requests.ts";
import { mls } from "./mls.ts";
import { mlsFloor } from "./mls-floor.ts";
import { mlsLargeGroup } from "./mls-large-group.ts";
import { mlsWarmTree } from "./mls-warm-tree.ts";
import { relay, relayFanOut, relayLatency, relayMemory } from "./relay.ts";
import { describeMachine, thisMachine } from "./report/machine.ts";
import { CACHE, SAVED, saveResults } from "./report/save-results.ts";

type Benches = Readonly<Record<string, () => Promise<void>>>;

const usual: Benches = {
  "layr8-requests": layr8Requests,
  console: consoleCost,
  grants,
  "cross-node": crossNode,
  "idle-agents": idleAgents,
  mls,
  "mls-floor": mlsFloor,
  "mls-large-group": mlsLargeGroup,
  relay,
  "relay-latency": relayLatency,
  "relay-fan-out": relayFanOut,
  "relay-memory": relayMemory,
  channel,
  "didcomm-crypto": didcommCrypto,
  imports,
  "growth-members": growthMembers,
  "growth-inbox": growthInbox,
  "growth-log": growthLog,
  "growth-channels": growthChannels,
};
/** Benchmarks that take minutes; measured only when named. */
const long: Benches = {
  "cluster-requests": clusterRequests,
  "cluster-memory": clusterMemory,
  "cluster-relay": clusterRelay,
  "mls-warm-tree": mlsWarmTree,
  "growth-inbox-full": growthInboxFull,
  "growth-log-full": growthLogFull,
  "idle-agents-curve": idleAgentsCurve,
  "relay-memory-curve": relayMemoryCurve,
};
const benches: Benches = { ...usual, ...long };

const usage = `npm run bench -- [name …] [--save] [--profile]. Benchmarks: ${Object.keys(usual).join(", ")}. Only when named: ${Object.keys(long).join(", ")}.`;
const { values, positionals: names } = parsedArguments();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const unknown = names.filter((name) => benches[name] === undefined);
if (unknown.length > 0) fail(`no such bench: ${unknown.join(", ")}`);
if (values.profile) startProfiles(join(CACHE.json, "profiles"));
const machine = thisMachine();
console.log(`${describeMachine(machine)}. Medians of ${ROUNDS} interleaved rounds.`);
for (const [name, bench] of Object.entries(names.length === 0 ? usual : benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  await bench();
  profiles?.print();
  const result = { bench: name, measuredAt: new Date().toISOString(), machine, rounds: ROUNDS, ...recorder.take() };
  const paths = await saveResults(result, values.save ? SAVED : CACHE);
  console.log(`\nWritten: ${paths.map((path) => relative(process.cwd(), path)).join(", ")}`);
}

function parsedArguments(): {
  readonly values: { readonly save: boolean; readonly profile: boolean; readonly help: boolean };
  readonly positionals: readonly string[];
} {
  try {
    const options = {
      save: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    } as const;
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(problem: string): never {
  console.error(`${problem}\n${usage}`);
  process.exit(2);
}
