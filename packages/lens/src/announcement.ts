import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isJsonObject } from "@parley/core";
import { systemCode } from "@parley/core/internal";

/** The content of a lens's file. */
export interface Announcement {
  /** The agent's name. */
  readonly name: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  /** On loopback. */
  readonly url: string;
  readonly token: string;
}

/** An announcement and its file. */
export interface FoundLens extends Announcement {
  readonly path: string;
}

/** Lenses of one directory; further ones are left out. */
const MAX_LENSES = 64;
const MAX_FILE_BYTES = 4096;
const MAX_NAME = 256;
const FILE = /^lens-\d+-[0-9a-f]{16}\.json$/;
const URL_OF_LENS = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;
/** Permission bits of other users. */
const OTHERS = 0o077;

/** Writes the file of a lens, readable by this user only, in one step. Returns its path. @throws the system's error */
export async function announce(directory: string, announcement: Announcement): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const name = `lens-${announcement.pid}-${randomBytes(8).toString("hex")}.json`;
  const temporary = join(directory, `.${name}`);
  await writeFile(temporary, JSON.stringify(announcement), { mode: 0o600, flag: "wx" });
  await rename(temporary, join(directory, name));
  return join(directory, name);
}

/** The lenses that are announced in a directory. Files of other users, and damaged ones, are left out. */
export async function findLenses(directory: string): Promise<readonly FoundLens[]> {
  const names = await readdir(directory).catch((): string[] => []);
  const found: FoundLens[] = [];
  for (const name of names.filter((one) => FILE.test(one)).toSorted()) {
    if (found.length === MAX_LENSES) break;
    const path = join(directory, name);
    const announcement = await readAnnouncement(path);
    if (announcement !== undefined) found.push({ ...announcement, path });
  }
  return found;
}

/** Removes the file of a lens whose process has ended without removing it. */
export async function removeIfEnded({ pid, path }: FoundLens): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (systemCode(error) !== "ESRCH") return false;
  }
  await rm(path, { force: true });
  return true;
}

async function readAnnouncement(path: string): Promise<Announcement | undefined> {
  try {
    const stats = await lstat(path);
    const { size, mode, uid } = stats;
    if (!stats.isFile() || size > MAX_FILE_BYTES) return undefined;
    if (process.getuid !== undefined && ((mode & OTHERS) !== 0 || uid !== process.getuid())) return undefined;
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (!isJsonObject(value)) return undefined;
    const { name, pid, openedAt, url, token } = value;
    if (typeof name !== "string" || typeof url !== "string" || typeof token !== "string") return undefined;
    if (!Number.isSafeInteger(pid) || Number(pid) <= 0 || typeof openedAt !== "number" || !URL_OF_LENS.test(url)) return undefined;
    return { name: name.slice(0, MAX_NAME), pid: Number(pid), openedAt, url, token };
  } catch {
    return undefined;
  }
}
