import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";
import { fillTables } from "./fill-tables.ts";

const OPEN = fileURLToPath(new URL("fixtures/open-damaged.mjs", import.meta.url));
const SCHEMA: LmdbOptions = { name: "things", schema: 1 };
const PAGE = 4096;
const OUTCOMES = ["file refused", "record reported", "unharmed"];
const COPIES = gateOrSoak(300, 10_000);

/** The report of the child process. */
type Report =
  | { readonly intact: number; readonly damaged: number; readonly altered: number }
  | { readonly code: string; readonly message: string }
  | { readonly exit: unknown };

it(
  `damage anywhere in a file is reported; it neither crashes the process nor alters a record (seed ${SEED})`,
  { timeout: 3_600_000 },
  async () => {
    const random = randomFrom(SEED);
    const directory = await temporaryDirectory();
    const [original, copy] = [join(directory.path, "original"), join(directory.path, "copy")];
    {
      await using environment = await LmdbEnvironment.open(original, SCHEMA);
      await fillTables(environment, random, 20);
    }
    const content = await readFile(join(original, "things.mdb"));
    const child = fork(OPEN, { execArgv: [], stdio: ["ignore", "ignore", "ignore", "ipc"] });
    try {
      const undamaged = await openCopy(content);
      expect(undamaged).toMatchObject({ intact: expect.any(Number), damaged: 0, altered: 0 });
      const found = new Set<string>();
      for (let number = 0; number < COPIES; number++) {
        const damaged = Buffer.from(content);
        const where = damage(damaged, random);
        const outcome = outcomeOf(await openCopy(damaged), undamaged);
        expect(OUTCOMES, `copy ${number} with ${where}: ${outcome}`).toContain(outcome);
        found.add(outcome);
      }
      expect(Array.from(found).toSorted()).toEqual(OUTCOMES);
    } finally {
      child.kill();
      await directory.remove();
    }

    async function openCopy(bytes: Buffer): Promise<Report> {
      await rm(copy, { recursive: true, force: true });
      await mkdir(copy);
      await writeFile(join(copy, "things.mdb"), bytes);
      child.send([copy, SCHEMA]);
      return reportOf(child);
    }
  },
);

/** Compares a report with the one of the undamaged file. Returns one of the outcomes, or a description of the fault. */
function outcomeOf(report: Report, undamaged: Report): string {
  if ("exit" in report) return `the process ended: ${String(report.exit)}`;
  if ("code" in report) {
    const isRefusal =
      report.code === "data_dir_unusable" && /things\.mdb is .*\. Restore the data directory from a backup$/.test(report.message);
    return isRefusal ? "file refused" : report.message;
  }
  if (report.altered > 0) return `${report.altered} records altered`;
  const missing = "intact" in undamaged ? undamaged.intact - report.intact - report.damaged : 0;
  if (missing !== 0) return `${missing} records hidden`;
  return report.damaged > 0 ? "record reported" : "unharmed";
}

async function reportOf(child: ChildProcess): Promise<Report> {
  const ended = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: ended.signal }).then(([report]) => report as Report),
      once(child, "exit", { signal: ended.signal }).then(([code, signal]) => ({ exit: code ?? (signal as unknown) })),
    ]);
  } finally {
    ended.abort();
  }
}

/** Damages a used page, most often its header. Returns a description of the damage. */
function damage(content: Buffer, random: (below: number) => number): string {
  const last = Math.max(...[0, PAGE].map((meta) => Number(content.readBigUInt64LE(meta + 144))));
  const page = random(4) === 0 ? random(2) : 2 + random(last - 1);
  const at = page * PAGE + random([24, 170, PAGE][random(3)] ?? PAGE);
  const kind = random(4);
  if (kind === 0) {
    const length = Math.min(1 + random(64), content.length - at);
    for (let index = 0; index < length; index++) content[at + index] = random(256);
    return `${length} bytes at ${at}`;
  }
  if (kind === 1 && page >= 2) {
    const other = 2 + random(last - 1);
    content.copyWithin(page * PAGE, other * PAGE, (other + 1) * PAGE);
    return `page ${other} instead of page ${page}`;
  }
  const bit = random(8);
  content[at] = (content[at] ?? 0) ^ (1 << bit);
  return `bit ${bit} at ${at}`;
}
