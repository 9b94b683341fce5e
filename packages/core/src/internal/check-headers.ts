/** The characters of RFC 9110, section 5.6.2. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** Characters that node:http writes: horizontal tab, and all of Latin-1 but control characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Checks an API key and further HTTP headers as given. Does what `validateHeaderName` and `validateHeaderValue` of node:http do, without loading
 * it: clients are often imported and not used. No message contains a value, which can be secret.
 *
 * @throws TypeError naming the header
 */
export function checkHeaders(apiKey: unknown, headers: Readonly<Record<string, unknown>> = {}): void {
  if (typeof apiKey !== "string" || apiKey === "") throw new TypeError("apiKey must be a string that is not empty");
  if (!VALUE.test(apiKey)) throw new TypeError("apiKey has characters that a header can't carry");
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name)) throw new TypeError(`headers has an invalid name: ${JSON.stringify(name.slice(0, 100))}`);
    if (typeof value !== "string") throw new TypeError(`headers[${JSON.stringify(name)}] must be a string`);
    if (!VALUE.test(value)) throw new TypeError(`headers[${JSON.stringify(name)}] has characters that a header can't carry`);
  }
}
