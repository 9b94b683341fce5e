/**
 * Refuses an option that nothing would read: most likely it is misspelt, and what it was to set would silently stay as it is.
 *
 * @param prefix what stands before the option's name in the message, such as `limits.`.
 * @throws TypeError naming the option, and those that there are.
 */
export function refuseUnknown(given: object, known: readonly string[], prefix = ""): void {
  for (const option of Object.keys(given)) {
    if (!known.includes(option)) throw new TypeError(`${prefix}${option} is no option; there are ${known.join(", ")}`);
  }
}
