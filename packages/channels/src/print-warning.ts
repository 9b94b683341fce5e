/** Writes a warning as one line to stderr: the default of `onWarning`. */
export function printWarning(warning: string): void {
  process.stderr.write(`skytale: ${warning}\n`);
}
