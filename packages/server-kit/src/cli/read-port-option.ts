/** Reads a port as text, such as `--port 4000`. @throws TypeError */
export function readPortOption(flag: string, text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`${flag} must be a whole number from 0 to 65535 (0 takes a free port), not ${JSON.stringify(text)}`);
  }
  return port;
}
