import type { Http } from "./http.ts";

/** Names the mediator of a DID, or none. The DID is not percent-encoded: nodes take the path as it is. */
export async function setMediator(http: Http, did: string, mediator: string | undefined, signal: AbortSignal | undefined): Promise<void> {
  const path = `/api/v1/dids/${did}/mediator`;
  if (mediator === undefined) await http.call({ method: "DELETE", path, signal });
  else await http.call({ method: "PUT", path, body: { routing_did: mediator }, signal });
}
