import { CliError, EXIT, type ExitCode } from "../cli-error.ts";
import { toCliError } from "../output/to-cli-error.ts";
import type { Settings } from "../settings/settings.ts";

/** Input of the checks. Tests replace the parts that they cannot break on a real machine. */
export interface DoctorContext {
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly cwd: string;
  readonly cliVersion: string;
  /** Version of Node that runs the command. */
  readonly nodeVersion: string;
  /** Set by the check `settings`. */
  settings: Settings;
  /** Name of a context, from the command line. */
  readonly contextName?: string | undefined;
  /** The data directory to check; absent: that of the settings, or `.parley`. */
  readonly dataDirectory?: string | undefined;
  /** Free space below which the check `data-space` warns, in bytes. */
  readonly minFreeBytes: number;
  /** Time of a flush above which the check `data-write` warns, in milliseconds. */
  readonly maxFlushMs: number;
  /** Timeout of each call to a server, in milliseconds. */
  readonly timeoutMs: number;
}

/** Free space below which the servers may stop soon. */
const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** A flush of a local disk takes less, in milliseconds. */
const MAX_FLUSH_MS = 100;

/** The input of the checks on this machine. */
export function createContext(
  given: Pick<DoctorContext, "environment" | "cliVersion" | "contextName" | "dataDirectory" | "timeoutMs">,
): DoctorContext {
  return {
    cwd: process.cwd(),
    nodeVersion: process.versions.node,
    settings: { source: undefined, others: [] },
    minFreeBytes: MIN_FREE_BYTES,
    maxFlushMs: MAX_FLUSH_MS,
    ...given,
  };
}

/** Result of one check. `skipped`: it does not apply here, or a check that it needs has failed. */
export interface CheckResult {
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** What was found, in one sentence. */
  readonly found: string;
  /** The remedy of a warning or a failure. */
  readonly remedy?: string | undefined;
  /** Exit code of the kind of failure. */
  readonly exit?: ExitCode | undefined;
}

/** One check of `parley doctor`. */
export interface Check {
  readonly id: string;
  /** What is checked, as a noun phrase. */
  readonly title: string;
  /** Checks that must not have failed or been skipped. */
  readonly needs?: readonly string[];
  /** A thrown error is a failure, with its remedy and exit code. */
  readonly run: (context: DoctorContext) => Promise<CheckResult> | CheckResult;
}

/** A check with its result, as `parley doctor --json` prints it. */
export interface CheckReport extends CheckResult {
  readonly id: string;
  readonly title: string;
}

/** The result of `parley doctor`. */
export interface DoctorReport {
  readonly ok: boolean;
  /** 0, or the exit code of the first check that failed. */
  readonly exit: ExitCode;
  readonly checks: readonly CheckReport[];
}

export function ok(found: string): CheckResult {
  return { status: "ok", found };
}

export function skipped(found: string): CheckResult {
  return { status: "skipped", found };
}

export function warning(found: string, remedy: string): CheckResult {
  return { status: "warning", found, remedy };
}

export function failed(found: string, remedy: string, exit: ExitCode = EXIT.failed): CheckResult {
  return { status: "failed", found, remedy, exit };
}

/** Runs the checks in their order. */
export async function runChecks(checks: readonly Check[], context: DoctorContext): Promise<DoctorReport> {
  const reports: CheckReport[] = [];
  for (const check of checks) {
    const { id, title, needs = [] } = check;
    const missing = reports.find((report) => needs.includes(report.id) && (report.status === "failed" || report.status === "skipped"));
    const result = missing === undefined ? await resultOf(check, context) : skipped(`needs ${missing.id}`);
    reports.push({ id, title, ...result });
  }
  const failure = reports.find(({ status }) => status === "failed");
  return { ok: failure === undefined, exit: failure === undefined ? EXIT.ok : (failure.exit ?? EXIT.failed), checks: reports };
}

async function resultOf(check: Check, context: DoctorContext): Promise<CheckResult> {
  try {
    return await check.run(context);
  } catch (error) {
    const { message, remedy, exit } = error instanceof CliError ? error : toCliError(error);
    return failed(message, remedy ?? "report this with `parley doctor --bundle <file>`", exit === EXIT.ok ? EXIT.failed : exit);
  }
}
