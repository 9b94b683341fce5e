/** Says why a value can't be sent as a message. @param expected what can be. */
export function notBytes(value: unknown, expected: string): string {
  if (typeof value === "string") return `A message is ${expected}, not text: encode it with new TextEncoder().encode(…)`;
  if (value === null || typeof value !== "object") return `A message is ${expected}, not ${value === null ? "null" : typeof value}`;
  return `A message is ${expected}, not an object: use JSON.stringify(…)`;
}
