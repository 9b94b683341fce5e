import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "@parley/vc";
import type { CallOptions } from "./credentials.ts";
import { RestError } from "./rest-error.ts";
import type { Http } from "./http.ts";
import { nonceOf } from "./signed-text.ts";
import { readObject, readSigned } from "./stored-credential.ts";

/** Options of `signPresentation`. */
export interface SignPresentationOptions extends CallOptions {
  /** The DID that signs, with its authentication key. Default: the client's. */
  readonly holderDid?: string;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** The verifier's nonce, so that the presentation can't be replayed. */
  readonly nonce?: string;
  /** The audience of the presentation, usually the verifier's DID. */
  readonly audience?: string | readonly string[];
}

/** Options of `verifyPresentation`. */
export interface VerifyPresentationOptions extends CallOptions {
  /** The DID that the node verifies for. Default: the client's. */
  readonly verifierDid?: string;
  /** The nonce that the presentation must have. Also checked here, because older nodes don't check it. */
  readonly nonce?: string;
}

/** A presentation that the node has verified. */
export interface PresentationVerification {
  readonly presentation: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
}

const PATH = "/api/v1/presentations";

export async function signPresentation(
  http: Http,
  credentials: readonly string[],
  { holderDid, format, nonce, audience, signal }: SignPresentationOptions & { holderDid: string; format: CredentialFormat },
): Promise<string> {
  const body = { credentials, holder_did: holderDid, format, nonce, audience };
  return readSigned(await http.call({ method: "POST", path: `${PATH}/sign`, body, signal }), "signed_presentation");
}

export async function verifyPresentation(
  http: Http,
  signed: string,
  { verifierDid, nonce, signal }: VerifyPresentationOptions & { verifierDid: string },
): Promise<PresentationVerification> {
  const body = { signed_presentation: signed, verifier_did: verifierDid, nonce };
  const answer = await http.call({ method: "POST", path: `${PATH}/verify`, body, signal });
  if (nonce !== undefined && nonceOf(signed) !== nonce) {
    throw new RestError("nonce_mismatch", "The presentation does not have the nonce", { status: answer.status });
  }
  return { presentation: readObject(answer, "presentation"), headers: readObject(answer, "headers") };
}
