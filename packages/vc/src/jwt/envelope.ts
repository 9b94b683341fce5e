import type { JsonObject } from "@parley/core";
import { entriesOf } from "../json.ts";
import { CREDENTIAL, type Kind } from "../kind.ts";
import { CONTEXT_V2 } from "../model/context.ts";
import { VcError } from "../vc-error.ts";
import { decodeBase64urlText } from "../decode-base64url-text.ts";
import { looksLikeJws } from "./jws.ts";

/** A JWS from a data: URL, and its media type without parameters, in lower case. */
export interface Enveloped {
  readonly mediaType: string;
  readonly token: string;
}

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),(.*)$/is;

/** Whether the type of an object is that of an envelope. */
export function isEnvelope({ type }: JsonObject, kind: Kind): boolean {
  return entriesOf(type).includes(kind.envelopeType);
}

/**
 * Extracts the JWS from an EnvelopedVerifiableCredential or EnvelopedVerifiablePresentation.
 *
 * @throws VcError `malformed`, `format_unsupported`
 * @see {@link https://www.w3.org/TR/vc-data-model-2.0/#enveloped-verifiable-credentials | VCDM 2.0, section 4.13.1}
 */
export function openEnvelope(envelope: JsonObject, kind: Kind): Enveloped {
  const { "@context": context, id } = envelope;
  if (!entriesOf(context).includes(CONTEXT_V2)) throw new VcError("malformed", `The @context of an envelope must be ${CONTEXT_V2}`);
  const [, mediaType, parameters, data] = DATA_URL.exec(typeof id === "string" ? id : "") ?? [];
  if (mediaType === undefined || data === undefined) throw new VcError("malformed", "The id of an envelope must be a data: URL");
  const type = mediaType.trim().toLowerCase();
  if (type !== `application/${kind.typ}` && type !== "application/jwt") {
    throw new VcError("format_unsupported", `The envelope's media type must be application/${kind.typ}`);
  }
  const token = /;\s*base64\s*$/i.test(parameters ?? "") ? decodeBase64Data(data) : decodePercent(data);
  if (token === undefined || !looksLikeJws(token)) throw new VcError("malformed", "The envelope does not contain a JWS");
  return { mediaType: type, token };
}

/** Wraps a JWS in an envelope. The media type of a JWS of VCDM 1.1 is `application/jwt`. */
export function makeEnvelope(token: string, kind: Kind, mediaType = `application/${kind.typ}`): JsonObject {
  return { "@context": [CONTEXT_V2], id: `data:${mediaType},${token}`, type: kind.envelopeType };
}

/** Wraps a signed credential for the `verifiableCredential` member of a presentation. */
export function envelopedCredential(token: string, securing: "compact_jwt" | "jwt"): JsonObject {
  return makeEnvelope(token, CREDENTIAL, securing === "jwt" ? "application/jwt" : undefined);
}

function decodePercent(data: string): string | undefined {
  try {
    return decodeURIComponent(data);
  } catch {
    return undefined;
  }
}

function decodeBase64Data(data: string): string | undefined {
  const base64 = decodePercent(data);
  return base64 === undefined
    ? undefined
    : decodeBase64urlText(
        base64
          .replaceAll("+", "-")
          .replaceAll("/", "_")
          .replace(/={0,2}$/, ""),
      );
}
