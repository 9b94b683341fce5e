import type { JsonObject } from "../../../../packages/core/src/index.ts";
import { forgeCredential, forgePresentation, FORMATS, resign } from "../../../../packages/vc/test/forge.ts";
import { credentialFor, makeParty, NOW, resolverOf, type Party, type TestCurve } from "../../../../packages/vc/test/parties.ts";
import { decodeCredential, decodePresentation, VcError, verifyCredential, verifyPresentation } from "../../../../packages/vc/src/index.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const NONCE = "n-1";

function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function parse(input: Uint8Array): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(Buffer.from(input).toString()));
  } catch {
    return undefined;
  }
}

/** A signed credential as it is in a presentation. */
function embedded(text: string): unknown {
  return text.startsWith("{") ? (JSON.parse(text) as unknown) : text;
}

/** Credentials and presentations in all formats: whatever the input says, signed with the issuer's or holder's key. */
export const open: OpenTarget = async () => {
  const curves: readonly TestCurve[] = ["Ed25519", "P-256", "P-384"];
  const issuers = curves.map((curve) => makeParty("issuer", curve));
  const issuer = (draft: JsonObject): Party => issuers[curves.indexOf(draft["curve"] as TestCurve)] ?? (issuers[0] as Party);
  const credential = credentialFor(issuers[0] as Party, "did:x:subject");
  const presentation = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    type: ["VerifiablePresentation"],
    holder: "did:x:issuer",
    verifiableCredential: [],
  };

  /** The text of a draft. Nested credentials of a presentation are drafts, too. */
  async function sign(draft: JsonObject, depth = 0): Promise<string> {
    const party = issuer(draft);
    const format = FORMATS.find((known) => known === draft["format"]) ?? "compact_jwt";
    const document = objectOf(draft["document"]);
    if (draft["kind"] !== "presentation") return altered(await forgeCredential(document, party, format), draft, party);
    const credentials: unknown[] = [];
    for (const inner of depth === 0 && Array.isArray(draft["credentials"]) ? draft["credentials"].slice(0, 4) : [])
      credentials.push(embedded(await sign(objectOf(inner), 1)));
    const whole = credentials.length > 0 ? { ...document, verifiableCredential: credentials as never } : document;
    return altered(await forgePresentation(whole, party, format, { nonce: NONCE }), draft, party);
  }

  /** With other members in the JWS, signed again; or in the proof, which is then wrong. */
  function altered(text: string, draft: JsonObject, party: Party): string {
    const [header, payload, proof] = [objectOf(draft["header"]), objectOf(draft["payload"]), objectOf(draft["proof"])];
    if (draft["format"] === "json") {
      if (Object.keys(proof).length === 0) return text;
      const document = JSON.parse(text) as JsonObject;
      return JSON.stringify({ ...document, proof: { ...objectOf(document["proof"]), ...proof } });
    }
    if (Object.keys(header).length + Object.keys(payload).length === 0) return text;
    return resign(text, party.key.privateKey, { header: (old) => ({ ...old, ...header }), payload: (old) => ({ ...old, ...payload }) });
  }

  const seeds = FORMATS.flatMap((format) => [
    {
      kind: "credential",
      format,
      document: { ...credential, credentialStatus: { type: "BitstringStatusListEntry", statusPurpose: "revocation" } },
    },
    {
      kind: "credential",
      format,
      document: credential,
      header: { typ: "vc+jwt" },
      payload: { exp: 1_800_000_000 },
      proof: { created: "x" },
    },
    { kind: "presentation", format, document: presentation, credentials: [{ format, document: credential }] },
  ]);
  return {
    format: "json",
    seeds: [...seeds.map(json), ...(await Promise.all(seeds.slice(0, 3).map(async (seed) => Buffer.from(await sign(seed as never)))))],
    work: { base: 300_000, perByte: 1000 },
    async run(input) {
      const draft = parse(input);
      let text = Buffer.from(input).toString();
      let party = issuers[0] as Party;
      if (draft !== undefined && "document" in draft) {
        party = issuer(draft);
        try {
          text = await sign(draft);
        } catch {
          // Such a document can't be signed.
          return;
        }
      }
      const options = { resolver: resolverOf(party), now: () => NOW, nonce: NONCE };
      await tolerate([VcError], () => decodeCredential(text));
      await tolerate([VcError], () => decodePresentation(text));
      await tolerate([VcError], () => verifyCredential(text, options));
      await tolerate([VcError], () => verifyPresentation(text, options));
    },
  };
};
