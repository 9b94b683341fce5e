import { describeThrown } from "./describe-thrown.ts";

/** Words for the codes that file systems answer with. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBUSY: "the file is in use",
  EDQUOT: "disk quota exceeded",
  EEXIST: "the file exists already",
  EIO: "input/output error",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files in this process",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "too many open files in the system",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
  ESTALE: "stale file handle",
};
/** Reasons that end without any change of configuration. */
const PASSING: ReadonlySet<string> = new Set(["EBUSY", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOSPC", "ESTALE"]);
const MAX_CAUSES = 8;

/** The operating system's code in an error, or in one of its causes: `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  let each = error;
  for (let depth = 0; each instanceof Error && depth < MAX_CAUSES; depth += 1) {
    if ("code" in each && typeof each.code === "string" && /^E[A-Z0-9]+$/.test(each.code)) return each.code;
    each = each.cause;
  }
  return undefined;
}

/** The operating system's description of the error: `no space left on device`. For other errors their message. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined) return WORDS[code] ?? code;
  return describeThrown(error);
}

/** Whether the same call may succeed later: the disk is full or failing, or too many files are open. */
export function isPassingSystemError(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && PASSING.has(code);
}
