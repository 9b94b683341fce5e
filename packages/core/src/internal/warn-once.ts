/** Enough for every warning that Parley has; a caller that puts variable text into warnings can't make it grow further. */
const MAX_REMEMBERED = 256;

const given = new Set<string>();

/**
 * Raises a process warning (`process.on("warning")`; Node prints it to stderr), once per process for the same text.
 * Without a `process`, as in a browser, it is written with `console.warn`.
 *
 * @param code identifies the kind of warning, such as `PARLEY_DURATION_UNIT`.
 */
export function warnOnce(code: string, text: string): void {
  if (given.has(text) || given.size >= MAX_REMEMBERED) return;
  given.add(text);
  // oxlint-disable-next-line no-console -- the only way to warn without a process
  if (typeof process === "undefined") console.warn(`${code}: ${text}`);
  else process.emitWarning(text, { type: "ParleyWarning", code });
}
