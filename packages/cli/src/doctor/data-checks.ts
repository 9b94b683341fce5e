import { randomBytes } from "node:crypto";
import { open, stat, statfs, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemCode, systemReason } from "@parley/core/internal";
import { checkDirectoryAccess } from "@parley/storage";
import { lockDirectory, LockError } from "@parley/storage/directory-lock";
import { variablesOf } from "./server-checks.ts";
import { failed, ok, skipped, warning, type Check, type DoctorContext } from "./check.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Checks of a data directory: of `parley dev`, of a server or of an agent. */
export const DATA_CHECKS: readonly Check[] = [
  {
    id: "data-directory",
    title: "data directory",
    run: async (context) => {
      const path = directoryOf(context);
      try {
        if (!(await stat(path)).isDirectory()) return failed(`${path} is a file`, "name a directory");
      } catch (error) {
        if (systemCode(error) !== "ENOENT") throw error;
        if (context.dataDirectory === undefined) return skipped(`${path} does not exist yet`);
        return failed(`${path} does not exist`, "correct --data");
      }
      const access = await checkDirectoryAccess(path);
      return access.ok ? ok(path) : warning(`${path} is open to other users`, `run: chmod 700 ${path}`);
    },
  },
  {
    id: "data-lock",
    title: "lock of the data directory",
    needs: ["data-directory"],
    run: async (context) => {
      const path = directoryOf(context);
      try {
        await (await lockDirectory(path)).release();
        return ok("free");
      } catch (error) {
        if (!(error instanceof LockError)) throw error;
        if (error.code === "locked") return ok(error.message);
        return failed(error.message, "give this user the right to write there, or use another directory");
      }
    },
  },
  {
    id: "data-write",
    title: "writes to the data directory",
    needs: ["data-directory"],
    run: async (context) => {
      const path = join(directoryOf(context), `lock-doctor.${randomBytes(4).toString("hex")}`);
      try {
        const file = await open(path, "wx", 0o600);
        const start = performance.now();
        try {
          await file.writeFile("parley doctor");
          await file.sync();
        } finally {
          await file.close();
        }
        const ms = Math.round(performance.now() - start);
        if (ms <= context.maxFlushMs) return ok(`a flush takes ${ms} ms`);
        return warning(`a flush takes ${ms} ms: each durable message waits for one`, "use a local disk instead of a network file system");
      } catch (error) {
        return failed(`cannot write there: ${systemReason(error)}`, "free space or permissions, or use another directory");
      } finally {
        await unlink(path).catch(() => undefined);
      }
    },
  },
  {
    id: "data-space",
    title: "free space of the data directory",
    needs: ["data-directory"],
    run: async (context) => {
      const { bavail, bsize } = await statfs(directoryOf(context));
      const free = bavail * bsize;
      const text = `${sizeText(free)} free`;
      if (free >= context.minFreeBytes) return ok(text);
      return warning(
        text,
        `free at least ${Math.ceil(context.minFreeBytes / MIB)} MiB: a full disk stops the servers from accepting messages`,
      );
    },
  },
];

/** In MiB, or in GiB from one on. */
function sizeText(size: number): string {
  return size < GIB ? `${Math.floor(size / MIB)} MiB` : `${(size / GIB).toFixed(1)} GiB`;
}

function directoryOf(context: DoctorContext): string {
  const { dataDirectory, cwd } = context;
  return resolve(cwd, dataDirectory ?? variablesOf(context).SKYTALE_DATA_DIR ?? ".parley");
}
