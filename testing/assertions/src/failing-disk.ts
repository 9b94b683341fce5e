import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const BYTES = 16 * 1024 * 1024;

/** An ext4 file system of its own, of 16 MiB, that becomes read-only while files are open, as on a disk with errors. */
export interface FailingDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** From now on, every write fails with EROFS. */
  fail(): Promise<void>;
  /** Mounts it again, writable, as an operator does. No file may be open. */
  repair(): Promise<void>;
  remove(): Promise<void>;
}

/** Whether {@link failingDisk} can be used here: as root on Linux, with loop devices. Where not, says on stderr which tests are skipped. */
export async function canMountFailingDisk(tests: string): Promise<boolean> {
  try {
    const disk = await failingDisk();
    try {
      await disk.fail();
    } finally {
      await disk.remove();
    }
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    process.stderr.write(`SKIPPED: ${tests}, which needs root on Linux and the right to mount an ext4 image (${reason})\n`);
    return false;
  }
}

/** Makes and mounts the file system. */
export async function failingDisk(): Promise<FailingDisk> {
  const directory = await mkdtemp(join(tmpdir(), "failing-disk-"));
  const [image, path] = [join(directory, "image"), join(directory, "mounted")];
  const mount = (): Promise<unknown> => run("mount", ["-o", "loop,errors=remount-ro", image, path]);
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    await mkdir(path);
    await using file = await open(image, "w");
    await file.truncate(BYTES);
    await run("mkfs.ext4", ["-q", "-F", image]);
    await mount();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    path,
    async fail() {
      const mounts = await readFile("/proc/mounts", "utf8");
      const device = mounts
        .split("\n")
        .find((line) => line.split(" ")[1] === path)
        ?.split(" ")[0];
      if (device === undefined) throw new Error(`${path} is not mounted`);
      await writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "1");
    },
    async repair() {
      await run("umount", [path]);
      await mount();
    },
    async remove() {
      await run("umount", ["--lazy", path]);
      await remove();
    },
  };
}
