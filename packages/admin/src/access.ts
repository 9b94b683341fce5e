import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly code: string;
  readonly error: string;
}

/** What {@link checkAccess} compares with. */
export interface AccessRules {
  /** Names of this server in `Host` and `Origin`, without the port, as in URLs. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly token: string;
}

/** Values of `Sec-Fetch-Site` of a page of this origin, and of the address bar. */
const OWN_SITES: ReadonlySet<string | string[]> = new Set(["same-origin", "none"]);

/**
 * Checks a request before anything else is done with it: `Host`, since a page elsewhere can resolve its own name to this address,
 * `Origin` and `Sec-Fetch-Site`, since any page can send requests here, and the token.
 *
 * @param isOpen whether the request is for a file of the page, which needs no token.
 */
export function checkAccess(headers: IncomingHttpHeaders, rules: AccessRules, isOpen: boolean): Refusal | undefined {
  if (!isOwn(`http://${headers.host ?? ""}`, rules))
    return { status: 403, code: "wrong_host", error: "this server has another name: open the address that it printed" };
  const { origin } = headers;
  const site = headers["sec-fetch-site"];
  const isNavigation =
    isOpen && origin === undefined && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  if ((origin !== undefined && !isOwn(origin, rules)) || (!isNavigation && !OWN_SITES.has(site ?? "none"))) {
    return { status: 403, code: "wrong_origin", error: "requests of other pages are refused" };
  }
  if (isOpen || isToken(headers.authorization, rules.token)) return undefined;
  return {
    status: 401,
    code: "wrong_token",
    error: "the token is missing or wrong: open the address that the server printed, which has it after #token=",
  };
}

/** Compares parsed addresses: a prefix of a text would accept `127.0.0.1.evil.example`. */
function isOwn(text: string, { hosts, port }: AccessRules): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.protocol !== "http:" || url.username !== "" || url.password !== "" || url.pathname !== "/" || url.search !== "") return false;
  return hosts.includes(url.hostname) && (url.port === "" ? 80 : Number(url.port)) === port;
}

/** Compares hashes, in the same time for all tokens. */
function isToken(authorization: string | undefined, token: string): boolean {
  const presented = authorization?.startsWith("Bearer ") === true ? authorization.slice(7) : "";
  return timingSafeEqual(createHash("sha256").update(presented).digest(), createHash("sha256").update(token).digest());
}
