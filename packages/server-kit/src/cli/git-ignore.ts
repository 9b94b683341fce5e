import { execFile } from "node:child_process";
import { basename, dirname, resolve } from "node:path";

/** Exit code of `git check-ignore` for a file that a work tree doesn't ignore. For one outside of a work tree it is another. */
const NOT_IGNORED = 1;
const TIMEOUT_MS = 5000;

/** Whether git could add a file to a commit: it is in a work tree, and not ignored there. `false` without git. */
export function couldBeCommitted(path: string): Promise<boolean> {
  // The configuration of the work tree names no program to run.
  const args = ["-c", "core.fsmonitor=false", "-C", dirname(resolve(path)), "check-ignore", "--quiet", "--", basename(path)];
  return new Promise((done) => {
    execFile("git", args, { timeout: TIMEOUT_MS, windowsHide: true }, (error) => done(error?.code === NOT_IGNORED));
  });
}
