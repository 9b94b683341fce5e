import { isDid } from "@parley/did";

const HOST = /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?$/;
const WELL_KNOWN = "/.well-known/did.json";
const FILE = "/did.json";

/**
 * The did:web DID whose document a URL serves: `/.well-known/did.json` for the host, `/a/b/did.json` for `a:b` at the host. `undefined` for
 * any other path, and for segments that change meaning when decoded (empty, dots, a slash, a percent sign).
 *
 * @param host the `Host` header, with the port if it isn't the default one.
 * @param path the URL's path as it came, still encoded, without a query.
 * @see {@link https://w3c-ccg.github.io/did-method-web/#read-resolve | did:web, Read (Resolve)}
 */
export function didWebOf(host: string, path: string): string | undefined {
  const [, name, port] = HOST.exec(host.toLowerCase()) ?? [];
  if (name === undefined || !path.endsWith(FILE)) return undefined;
  const base = port === undefined ? `did:web:${name}` : `did:web:${name}%3A${port}`;
  if (path === WELL_KNOWN) return base;
  const segments = path.slice(1, -FILE.length).split("/").map(readSegment);
  const did = [base, ...segments].join(":");
  return segments.every((segment) => segment !== undefined) && isDid(did) ? did : undefined;
}

/** The hosts that a `Host` header may refer to: as written, and without a scheme's default port; both without a trailing dot. */
export function hostsOf(header: string): readonly string[] {
  const host = header.replace(/\.(?=:\d+$|$)/, "");
  const withoutPort = host.replace(/:(?:443|80)$/, "");
  return withoutPort === host ? [host] : [host, withoutPort];
}

function readSegment(encoded: string): string | undefined {
  let text: string;
  try {
    text = decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (text === "" || text === "." || text === ".." || /[/\\%\u0000-\u001f\u007f]/.test(text)) return undefined;
  return encodeURIComponent(text).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
