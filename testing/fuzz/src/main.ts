// One target in a process of its own, which scripts/fuzz.mjs watches.
// Run by: node --import ./scripts/lib/fuzz-counters.mjs testing/fuzz/src/main.ts '<options as JSON>'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { inspect } from "node:util";
import { readCorpus, writeCorpus } from "./corpus.ts";
import { Fuzzer, type Fault, type FuzzResult } from "./fuzzer.ts";
import type { OpenTarget } from "./target.ts";

interface Options {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** The corpus that is kept in the repository, and what was found here before. */
  readonly corpus: string;
  readonly found: string;
  /** Where the present input is written, for when this process is stuck or gone. */
  readonly present: string;
  readonly crash: string;
  /** One input to run alone. */
  readonly input?: string;
  /** Whether to replace the corpus in the repository. */
  readonly save: boolean;
}

const MAX_SAVED = 60;
const options = JSON.parse(process.argv[2] ?? "{}") as Options;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const present = openSync(options.present, "w");
const header = Buffer.alloc(8);
let inputs = 0;

/** Number and length of the input, then the input. */
function note(input: Uint8Array): void {
  header.writeUInt32LE(++inputs, 0);
  header.writeUInt32LE(input.length, 4);
  writeSync(present, Buffer.concat([header, input]), 0, 8 + input.length, 0);
}

function report({ input, error }: Fault): void {
  const path = `${options.crash}.bin`;
  writeFileSync(path, input);
  writeFileSync(`${options.crash}.txt`, inspect(error, { depth: 6 }));
  say(`FAULT in ${options.target}: ${inspect(error, { depth: 6 })}`);
  say(`Input: ${path}\nAgain: npm run fuzz -- --target ${options.target} --input ${path}`);
  process.exitCode = 1;
}

const { open } = (await import(`../test/targets/${options.target}.ts`)) as { open: OpenTarget };
const target = await open();

/** The fewest inputs that reach about as much, small ones first. */
async function distilled(all: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const fuzzer = new Fuzzer(target, { seed: 0, corpus: [], onInput: note });
  for (const input of all.toSorted((a, b) => a.length - b.length)) await fuzzer.run(input);
  return fuzzer.kept.filter(({ length }) => length <= 4096).slice(-MAX_SAVED);
}

async function fuzz(): Promise<FuzzResult> {
  const corpus = [...readCorpus(options.corpus), ...readCorpus(options.found)];
  const fuzzer = new Fuzzer(target, { seed: options.seed, corpus, onInput: note });
  let result = await fuzzer.start();
  const started = fuzzer.features;
  const [begun, end] = [performance.now(), performance.now() + options.seconds * 1000];
  for (let next = begun + 10_000; result.ok && performance.now() < end;) {
    result = await fuzzer.step();
    if (performance.now() < next) continue;
    next += 10_000;
    say(`  ${options.target}: ${fuzzer.runs} inputs, ${fuzzer.kept.length} kept, ${fuzzer.features} branches`);
  }
  const perSecond = Math.round((fuzzer.runs * 1000) / (performance.now() - begun));
  const counts = `${fuzzer.runs} inputs (${perSecond}/s), ${fuzzer.kept.length} kept, ${started} → ${fuzzer.features} branches`;
  say(`${options.target}: ${counts}, at most ${fuzzer.mostWork} in one input, seed ${options.seed}`);
  if (result.ok) {
    writeCorpus(options.found, fuzzer.kept);
    if (options.save) writeCorpus(options.corpus, await distilled(fuzzer.kept));
  }
  return result;
}

async function runOne(path: string): Promise<FuzzResult> {
  const fuzzer = new Fuzzer(target, { seed: options.seed, corpus: [], onInput: note });
  const result = await fuzzer.run(new Uint8Array(readFileSync(path)));
  say(`${options.target}: ${path} took ${fuzzer.mostWork} branches and ${result.ok ? "is fine" : "leads to a fault"}`);
  return result;
}

const result = await (options.input === undefined ? fuzz() : runOne(options.input));
if (!result.ok) report(result.fault);
await target.close?.();
closeSync(present);
// Timers and sockets that an input left open must not delay the exit.
process.exit();
