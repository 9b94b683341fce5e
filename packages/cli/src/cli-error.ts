/**
 * Exit codes by kind of failure. Published in the README; a code never changes its meaning.
 *
 * | code | kind |
 * | --- | --- |
 * | 0 | done |
 * | 1 | failed |
 * | 2 | the command line or its input is wrong |
 * | 3 | refused by a server, a policy or another agent |
 * | 4 | timed out |
 * | 5 | a server can't be reached |
 * | 130 | interrupted by SIGINT; 143 by SIGTERM |
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130 | 143;

/** The names of the exit codes. */
export const EXIT: {
  readonly ok: 0;
  readonly failed: 1;
  readonly usage: 2;
  readonly refused: 3;
  readonly timedOut: 4;
  readonly unreachable: 5;
  readonly interrupted: 130;
  readonly terminated: 143;
} = { ok: 0, failed: 1, usage: 2, refused: 3, timedOut: 4, unreachable: 5, interrupted: 130, terminated: 143 };

/** Details of a {@link CliError}. */
export interface CliErrorOptions {
  readonly exit?: ExitCode;
  /** What to do about it, as a sentence without a full stop. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** A command failed: a stable code, the cause in one sentence, what to do about it, and the exit code. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly code: string;
  readonly exit: ExitCode;
  readonly remedy: string | undefined;

  constructor(code: string, message: string, { exit = EXIT.failed, remedy, cause }: CliErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exit = exit;
    this.remedy = remedy;
  }
}

/** The command line, or a value in it, is wrong. Exit code 2. */
export function usageError(message: string, remedy?: string): CliError {
  return new CliError("usage", message, { exit: EXIT.usage, remedy });
}
