/**
 * Checks the version of Node. Runtimes without one, such as browsers, pass.
 *
 * @throws Error if the version is too old
 */
export function checkNodeVersion(version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  const isTooOld = version !== undefined && (major < 20 || (major === 20 && minor < 19));
  if (isTooOld) throw new Error(`Parley needs Node 20.19 or newer; this is ${version}`);
}
