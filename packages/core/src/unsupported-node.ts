/** Says that a version of Node is too old; `undefined` for one that is supported, and for runtimes that have none, such as browsers. */
export function unsupportedNode(version: string | undefined): string | undefined {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  const isTooOld = version !== undefined && (major < 20 || (major === 20 && minor < 19));
  return isTooOld ? `Parley needs Node 20.19 or newer; this is ${version}` : undefined;
}
