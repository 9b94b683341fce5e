import { isJsonObject, type JsonObject } from "@parley/core";

/** What a signed presentation says of its own signature. */
export interface PresentationClaims {
  /** Whether it names whom it is for. */
  readonly hasAudience: boolean;
  /** When it was signed, in milliseconds since 1970. */
  readonly signedAt: number | undefined;
}

const ENVELOPE = /^data:application\/vp\+jwt[^,]*,(.*)$/s;

/**
 * Reads, in any format, what a presentation says of its signature. Nothing is verified here, and what can't be read counts as absent; but
 * all of it is part of what is signed, so it is true once the presentation has been verified.
 */
export function peekPresentation(signed: string): PresentationClaims {
  const text = signed.trim();
  const json = text.startsWith("{") ? parse(text) : undefined;
  const [, enveloped] = typeof json?.["id"] === "string" ? (ENVELOPE.exec(json["id"]) ?? []) : [];
  if (json !== undefined && enveloped === undefined) return ofProofs(json["proof"]);
  const claims = parse(Buffer.from((enveloped ?? text).split(".", 2)[1] ?? "", "base64url").toString()) ?? {};
  const { aud, iat } = claims;
  return { hasAudience: aud !== undefined, signedAt: typeof iat === "number" ? iat * 1000 : undefined };
}

function ofProofs(member: unknown): PresentationClaims {
  const proofs = (Array.isArray(member) ? member : [member]).filter((proof) => isJsonObject(proof));
  const times = proofs.flatMap(({ created }) => (typeof created === "string" ? Date.parse(created) : []));
  return {
    hasAudience: proofs.some(({ domain }) => domain !== undefined),
    signedAt: times.length === 0 ? undefined : Math.min(...times),
  };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
