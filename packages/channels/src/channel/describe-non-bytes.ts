/** Error message for a value that cannot be sent. @param expected the accepted types. */
export function describeNonBytes(value: unknown, expected: string): string {
  if (typeof value === "string") return `A message is ${expected}, not text: encode it with new TextEncoder().encode(…)`;
  if (value === null || typeof value !== "object") return `A message is ${expected}, not ${value === null ? "null" : typeof value}`;
  if (value instanceof Promise) return `A message is ${expected}, not a Promise: await it`;
  if (value instanceof ArrayBuffer) return `A message is ${expected}, not an ArrayBuffer: use new Uint8Array(…)`;
  if (ArrayBuffer.isView(value)) return `A message is ${expected}, not another view of an ArrayBuffer: use new Uint8Array(view.buffer)`;
  return `A message is ${expected}, not an object: use JSON.stringify(…)`;
}
