import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** The first process in the namespaces that an `unshare` has created: its only child. `undefined` if it has ended. */
export async function firstProcessOf({ pid }: ChildProcess): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const [first] = children.trim().split(" ");
  return first === undefined || first === "" ? undefined : Number(first);
}

/** Kills everything in the namespaces that an `unshare` has created. Killing `unshare` alone would leave a process that has changed its user. */
export async function killFirstProcess(unshare: ChildProcess): Promise<void> {
  const pid = await firstProcessOf(unshare);
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  else unshare.kill("SIGKILL");
}
