import { DidError } from "./did-error.ts";
import { idOfMethod } from "./did-syntax.ts";
import { decodePunycode } from "./punycode.ts";

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label that makes URL parsers interpret the whole host as an IPv4 address, in any of its notations. */
const NUMERIC = /^(?:\d+|0x[0-9a-f]*)$/;
const HOST_AND_PORT = /^([A-Za-z0-9.-]{1,253})(?:%3[Aa]([1-9]\d{0,4}))?$/;

/** Options of {@link didWebUrl}. */
export interface DidWebUrlOptions {
  /** Use plain http for `localhost` and names below it. For development. Default `false`. */
  readonly httpForLoopback?: boolean;
}

/**
 * The URL of the document of a did:web DID.
 *
 * Rejects IP addresses, malformed hosts and ports, and path segments with a special meaning after decoding (empty, dots, a slash, a percent
 * sign, control characters). The host is converted to lower case.
 *
 * @throws DidError `did_invalid`
 * @see {@link https://w3c-ccg.github.io/did-method-web/#read-resolve | did:web, Read (Resolve)}
 * @example
 * ```ts
 * import { didWebUrl } from "@parley/did";
 *
 * didWebUrl("did:web:example.com").href; // https://example.com/.well-known/did.json
 * didWebUrl("did:web:example.com%3A8443:agents:a").href; // https://example.com:8443/agents/a/did.json
 * ```
 */
export function didWebUrl(did: string, { httpForLoopback = false }: DidWebUrlOptions = {}): URL {
  const [authority = "", ...segments] = idOfMethod(did, "web").split(":");
  const [, name, port] = HOST_AND_PORT.exec(authority) ?? [];
  if (name === undefined) throw invalid("Its host must be a domain name, with the port after %3A");
  const host = name.toLowerCase();
  const labels = host.split(".");
  if (!labels.every((label) => LABEL.test(label)) || !isInternationalName(labels)) throw invalid("Its host is not a domain name");
  if (NUMERIC.test(labels.at(-1) ?? "")) throw invalid("Its host is an IP address");
  if (port !== undefined && Number(port) > 65_535) throw invalid("Its port is out of range");
  const scheme = httpForLoopback && labels.at(-1) === "localhost" ? "http" : "https";
  const path = segments.length === 0 ? "/.well-known" : segments.map((segment) => `/${readSegment(segment)}`).join("");
  const url = `${scheme}://${host}${port === undefined ? "" : `:${port}`}${path}/did.json`;
  // Ensures that the request goes to the checked host.
  if (!URL.canParse(url) || new URL(url).hostname !== host) throw invalid("Its host is not a domain name");
  return new URL(url);
}

/**
 * Whether each `xn--` label is the encoding of a valid internationalized label. URL parsers accept malformed ones if the whole host is
 * ASCII (since Node 24), but validate a host with other characters by the rules of UTS #46. So the decoded host is parsed instead.
 */
function isInternationalName(labels: readonly string[]): boolean {
  if (!labels.some((label) => label.startsWith("xn--"))) return true;
  const texts = labels.map((label) => (label.startsWith("xn--") ? decodePunycode(label.slice(4)) : label));
  if (texts.includes(undefined)) return false;
  const url = `https://${texts.join(".")}`;
  return URL.canParse(url) && new URL(url).hostname === labels.join(".");
}

function readSegment(encoded: string): string {
  let text: string;
  try {
    text = decodeURIComponent(encoded);
  } catch (error) {
    throw invalid("A path segment is not UTF-8", error);
  }
  // eslint-disable-next-line no-control-regex -- the pattern matches control characters
  if (text === "" || text === "." || text === ".." || /[/\\%\u0000-\u001f\u007f]/.test(text)) {
    throw invalid("A path segment has a special meaning after decoding");
  }
  return encodeURIComponent(text);
}

function invalid(why: string, cause?: unknown): DidError {
  return new DidError("did_invalid", `The did:web DID is invalid. ${why}`, { cause });
}
