import type { Host } from "../host.ts";
import { EXIT } from "../cli-error.ts";
import { createOutput, type Output } from "../output/output.ts";

/** What the body of a command gets beside its arguments and options. */
export interface Runtime extends Host {
  readonly output: Output;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. A second signal ends the process at once. */
  readonly signal: AbortSignal;
  /** The signal that came. */
  readonly stoppedBy: () => NodeJS.Signals | undefined;
  /** Whether an option, such as `--timeout`, is on the command line. */
  readonly isGiven: (option: string) => boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Prepares the process for one command. */
export function createRuntime(
  { version, environment }: Host,
  { isJson, handlesSignals, isGiven }: { readonly isJson: boolean; readonly handlesSignals: boolean; readonly isGiven: Runtime["isGiven"] },
): Runtime {
  const controller = new AbortController();
  let stoppedBy: NodeJS.Signals | undefined;
  for (const signal of handlesSignals ? SIGNALS : []) {
    process.on(signal, () => {
      if (stoppedBy !== undefined) process.exit(signal === "SIGINT" ? 130 : 143);
      stoppedBy = signal;
      controller.abort(new Error(`stopped by ${signal}`));
    });
  }
  // The process that reads the pipe has ended, as `head` does after its lines.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stoppedBy !== undefined) return;
    stoppedBy = "SIGPIPE";
    controller.abort(new Error("standard output was closed"));
  });
  return {
    version,
    environment,
    output: createOutput(isJson, environment),
    signal: controller.signal,
    stoppedBy: () => stoppedBy,
    isGiven,
  };
}

/** The exit code of a command that a signal ends: 130 or 143, and 0 without a signal or if standard output was closed. */
export function exitOfSignal({ stoppedBy }: Pick<Runtime, "stoppedBy">): 0 | 130 | 143 {
  const signal = stoppedBy();
  if (signal === undefined || signal === "SIGPIPE") return EXIT.ok;
  return signal === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
}
