import { cpus, loadavg, totalmem } from "node:os";
import type { Machine } from "./results.ts";

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const [cpu] = cpus();
  return {
    node: process.version,
    cpu: cpu?.model.trim() ?? "unknown CPU",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

/** The machine in one line. */
export function describeMachine({ node, cpu, cores, memoryGiB, load }: Machine): string {
  return `Node ${node}, ${cores} × ${cpu}, ${memoryGiB} GiB, load ${load}`;
}
