import { readFileSync } from "node:fs";

/** Length of the kernel's clock tick for user programs, in microseconds: 100 a second on every Linux platform that Node supports. */
const TICK_US = 10_000;

/** Processor time that processes have taken so far, in microseconds; `undefined` where the system doesn't tell. Works for programs of others too. */
export function cpuTimeOf(pids: readonly number[]): number | undefined {
  try {
    return pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * TICK_US;
  } catch {
    return undefined;
  }
}

/** User and system time: fields 14 and 15 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the program's name in parentheses, which may contain spaces.
  const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(user) + Number(system);
}
