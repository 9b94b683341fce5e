import type { JsonObject } from "@parley/core";
import type { Http } from "./http.ts";
import { readObject } from "./stored-credential.ts";

/** Reads the document of a DID, which is not percent-encoded: nodes take the path as it is. @throws RestError */
export async function readDidDocument(http: Http, did: string, signal: AbortSignal | undefined): Promise<JsonObject> {
  return readObject(await http.call({ method: "GET", path: `/api/v1/dids/${did}/document`, signal }), "did_document");
}
