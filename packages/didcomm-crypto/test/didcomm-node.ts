import didcomm from "didcomm-node";
import { isAgreementCurve, isVerifyingCurve } from "../src/keys/curve.ts";
import { didOfKid } from "../src/did-of-kid.ts";
import type { TestKey } from "./parties.ts";

/** What the other implementation makes of a message. */
export interface Verdict {
  readonly value: Record<string, unknown>;
  readonly metadata: {
    readonly authenticated: boolean;
    readonly non_repudiation: boolean;
    readonly anonymous_sender: boolean;
    readonly encrypted_from_kid?: string;
    readonly encrypted_to_kids?: readonly string[];
    readonly sign_from?: string;
  };
}

/** How the other implementation packs. */
export interface OraclePack {
  readonly from?: TestKey;
  readonly to: readonly [TestKey, ...TestKey[]];
  readonly signBy?: TestKey;
  readonly hideSender?: boolean;
  readonly enc?: "A256CBC-HS512" | "A256GCM" | "XC20P";
}

const ANON_ALGORITHMS = {
  "A256CBC-HS512": "A256cbcHs512EcdhEsA256kw",
  A256GCM: "A256gcmEcdhEsA256kw",
  XC20P: "Xc20pEcdhEsA256kw",
} as const;

/** Packs with didcomm-node, whose world holds these keys and no others. */
export async function oraclePack(plaintext: object, { from, to, signBy, hideSender = false, enc }: OraclePack): Promise<string> {
  const keys = [...to, ...(from ? [from] : []), ...(signBy ? [signBy] : [])];
  const message = new didcomm.Message(plaintext as never);
  const [packed] = await message.pack_encrypted(
    didOfKid(to[0].kid) ?? "",
    from === undefined ? null : from.kid,
    signBy === undefined ? null : signBy.kid,
    resolverOf(keys),
    secretsOf(keys),
    { forward: false, protect_sender: hideSender, ...(enc && { enc_alg_anon: ANON_ALGORITHMS[enc] }) },
  );
  return packed;
}

/** Signs with didcomm-node. */
export async function oraclePackSigned(plaintext: object, signBy: TestKey): Promise<string> {
  const [packed] = await new didcomm.Message(plaintext as never).pack_signed(signBy.kid, resolverOf([signBy]), secretsOf([signBy]));
  return packed;
}

/** Unpacks with didcomm-node. */
export async function oracleUnpack(text: string, keys: readonly TestKey[]): Promise<Verdict> {
  const [message, metadata] = await didcomm.Message.unpack(text, resolverOf(keys), secretsOf(keys), {});
  return { value: message.as_value(), metadata };
}

function resolverOf(keys: readonly TestKey[]): never {
  const resolve = async (did: string): Promise<unknown> => {
    const own = keys.filter(({ kid }) => didOfKid(kid) === did);
    const ids = (fits: (curve: string) => boolean): string[] => own.filter(({ curve }) => fits(curve)).map(({ kid }) => kid);
    return {
      id: did,
      keyAgreement: ids(isAgreementCurve),
      authentication: ids(isVerifyingCurve),
      verificationMethod: own.map(({ kid, publicKey }) => ({ id: kid, type: "JsonWebKey2020", controller: did, publicKeyJwk: publicKey })),
      service: [],
    };
  };
  return { resolve } as never;
}

function secretsOf(keys: readonly TestKey[]): never {
  const find = (id: string): TestKey | undefined => keys.find(({ kid }) => kid === id);
  return {
    get_secret: async (id: string) => {
      const key = find(id);
      return key === undefined ? null : { id, type: "JsonWebKey2020", privateKeyJwk: key.privateKey };
    },
    find_secrets: async (ids: readonly string[]) => ids.filter((id) => find(id) !== undefined),
  } as never;
}
