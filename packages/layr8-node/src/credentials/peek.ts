import { isJsonObject, type JsonObject } from "@parley/core";
import { readTime } from "@parley/core/internal";

/** Claims of a presentation about its own signature. */
export interface PresentationClaims {
  /** Whether it states an audience. */
  readonly hasAudience: boolean;
  /** When it was signed, in milliseconds since 1970. */
  readonly signedAt: number | undefined;
}

const DATA_URL = /^data:[^;,]*((?:;[^;,]*)*),(.*)$/is;

/**
 * Reads the claims of a presentation, in any format, without verification. Unreadable claims count as absent. All of them are signed, so
 * they are authentic once the presentation has been verified.
 */
export function peekPresentation(text: string): PresentationClaims {
  const signed = text.trim(); // as verification reads it
  const object = signed.startsWith("{") ? parse(signed) : undefined;
  if (object !== undefined && !isEnvelope(object)) return ofProofs(object["proof"]);
  const token = object === undefined ? signed : tokenOf(object["id"]);
  const { aud, iat } = parse(Buffer.from(token.split(".", 2)[1] ?? "", "base64url").toString()) ?? {};
  const seconds = iat === undefined ? undefined : readTime(iat);
  return { hasAudience: aud !== undefined, signedAt: seconds === undefined ? undefined : seconds * 1000 };
}

/** Members beside the JWS in an envelope are not signed: a proof there is ignored. */
function isEnvelope({ type }: JsonObject): boolean {
  return [type].flat().includes("EnvelopedVerifiablePresentation");
}

/** The JWS in the data: URL of an envelope. */
function tokenOf(url: unknown): string {
  const [, parameters = "", data = ""] = typeof url === "string" ? (DATA_URL.exec(url) ?? []) : [];
  const text = decoded(data);
  return /;\s*base64\s*$/i.test(parameters) ? Buffer.from(text, "base64").toString() : text;
}

function ofProofs(member: unknown): PresentationClaims {
  const proofs = [member].flat().filter((proof) => isJsonObject(proof));
  const times = proofs.flatMap(({ created }) => (typeof created === "string" ? Date.parse(created) : []));
  return {
    hasAudience: proofs.some(({ domain }) => domain !== undefined),
    signedAt: times.length === 0 ? undefined : Math.min(...times),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
