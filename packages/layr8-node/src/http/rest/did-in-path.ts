import { canonicalDid } from "@parley/did";
import { RequestRejection } from "./error-response.ts";

/** Path of the calls about a DID, which follows. */
export const DIDS = "/api/v1/dids/";

/** The DID in a path `/api/v1/dids/<did><suffix>`. SDKs write it as it is, with the `%3A` of a port; percent-encoded as a whole it is read too. */
export function didInPath(url: string, suffix: string): string {
  const path = (url.split("?", 1)[0] ?? "").replace(/\/$/, "");
  const raw = path.endsWith(suffix) ? path.slice(DIDS.length, -suffix.length) : "";
  const did = raw.startsWith("did:") ? raw : decode(raw);
  if (canonicalDid(did) === did) return did;
  throw new RequestRejection(404, "not_found", `the path must be ${DIDS}<did>${suffix}, with a DID in its canonical spelling`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
