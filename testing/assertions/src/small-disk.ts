import { execFile } from "node:child_process";
import { mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const PIECE = 64 * 1024;

/** A file system of its own that can be filled up. */
export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** Fills it up but for some bytes. What was filled before stays filled, unless bytes are to be left. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives back what filling has taken. */
  drain(): Promise<void>;
  remove(): Promise<void>;
}

/** Whether {@link smallDisk} can be used here: as root on Linux, with the right to mount. Where not, says on stderr which tests are skipped. */
export async function canMountSmallDisk(tests: string): Promise<boolean> {
  try {
    await (await smallDisk(PIECE)).remove();
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    process.stderr.write(`SKIPPED: ${tests}, which needs root on Linux and the right to mount a tmpfs (${reason})\n`);
    return false;
  }
}

/** Mounts a tmpfs of some bytes. */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), "small-disk-"));
  const filler = join(path, "filler");
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
  const drain = (): Promise<void> => rm(filler, { force: true });
  return {
    path,
    async fill(leaveBytes = 0) {
      if (leaveBytes > 0) await drain();
      const { bavail, bsize } = await statfs(path);
      await using file = await open(filler, "a");
      try {
        for (let left = bavail * bsize - leaveBytes; left > 0; left -= PIECE) await file.writeFile(Buffer.alloc(Math.min(PIECE, left)));
      } catch (error) {
        // Something else has taken the rest.
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      }
    },
    drain,
    async remove() {
      await run("umount", ["--lazy", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}
