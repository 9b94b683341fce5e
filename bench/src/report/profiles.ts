import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Worker } from "../worker.ts";
import { groupTimes } from "./profile-groups.ts";

/** Groups that are printed for a process. */
const MAX_GROUPS = 15;

/** CPU profiles of the roles, one for each measured variant. A later round replaces the profile of an earlier one. */
export class Profiles {
  readonly #folder: string;
  /** The variant that is measured. */
  place = "";
  readonly #written = new Map<string, Set<string>>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Profiles all workers while `task` runs. */
  async during<T>(workers: readonly Worker[], task: () => Promise<T>): Promise<T> {
    await Promise.all(workers.map((worker) => worker.startProfile()));
    const result = await task();
    const paths = this.#written.get(this.place) ?? new Set();
    this.#written.set(this.place, paths);
    for (const [index, worker] of workers.entries()) {
      const path = join(this.#folder, `${`${this.place} ${index + 1} ${worker.role}`.replaceAll(/[^\w]+/g, "-")}.cpuprofile`);
      await worker.writeProfile(path);
      paths.add(path);
    }
    return result;
  }

  /** Prints the self time of function groups, as a share of each process's busy time. */
  print(): void {
    for (const [place, paths] of this.#written) {
      for (const path of paths) {
        const times = groupTimes([path]);
        const total = times.reduce((sum, { us }) => sum + us, 0);
        console.log(`\n${place}: ${basename(path)}, ${Math.round(total / 1000)} ms`);
        for (const { group, us } of times.slice(0, MAX_GROUPS)) console.log(`  ${((us / total) * 100).toFixed(1).padStart(5)} %  ${group}`);
      }
    }
    this.#written.clear();
  }
}
