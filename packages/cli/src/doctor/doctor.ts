import type { Runtime } from "../command/runtime.ts";
import type { Paint, Style } from "../output/colours.ts";
import { printable } from "../output/printable.ts";
import { createContext, runChecks, type CheckReport, type DoctorReport } from "./check.ts";
import { CHECKS } from "./checks.ts";

/** Options of `parley doctor`. */
interface DoctorOptions {
  readonly data?: string;
  readonly context?: string;
  readonly bundle?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

const MARKS: Readonly<Record<CheckReport["status"], readonly [mark: string, style: Style]>> = {
  ok: ["ok     ", "green"],
  warning: ["warning", "yellow"],
  failed: ["FAILED ", "red"],
  skipped: ["skipped", "dim"],
};

/** Runs all checks and prints them. @returns 0, or the exit code of the first check that failed. */
export async function doctor(
  { environment, version, output }: Runtime,
  { data, context: contextName, bundle, timeout }: DoctorOptions,
): Promise<number> {
  const context = createContext({ environment, cliVersion: version, contextName, dataDirectory: data, timeoutMs: timeout });
  const report = await runChecks(CHECKS, context);
  output.data(report, formatReport);
  if (bundle !== undefined) {
    const { writeBundle } = await import("./bundle.ts");
    await writeBundle(bundle, context, report);
    output.note(`Wrote ${bundle}, without keys: read it before you send it.`);
  }
  return report.exit;
}

function formatReport({ checks, ok }: DoctorReport, paint: Paint): string {
  const lines = checks.flatMap(({ id, status, title, found, remedy }) => {
    const [mark, style] = MARKS[status];
    const line = `${paint(style, mark)}  ${title} (${id}): ${printable(found)}`;
    return remedy === undefined ? [line] : [line, `         remedy: ${printable(remedy)}`];
  });
  const warnings = checks.filter(({ status }) => status === "warning").length;
  const failures = checks.filter(({ status }) => status === "failed").length;
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
  return [...lines, "", ok && warnings === 0 ? "Everything works." : `${count(failures, "failure")}, ${count(warnings, "warning")}.`].join(
    "\n",
  );
}
