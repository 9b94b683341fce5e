import { generateKeyPairSync } from "node:crypto";
import { encodePlaintext, type JsonObject } from "@parley/core";
import {
  agentJwks,
  agentKids,
  pack,
  signKeyStatement,
  wrapEnvelope,
  type AgentPublicKeys,
  type KeyStatement,
  type PrivateJwk,
} from "@parley/didcomm-crypto";

const ECHO = "https://layr8.io/protocols/echo/1.0";

/** The keys of an agent that holds them itself. */
export interface Keys extends AgentPublicKeys {
  readonly signingKey: PrivateJwk;
  readonly agreementKey: PrivateJwk;
}

export function createKeys(): Keys {
  const jwks = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } } as never;
  const jwk = (type: "ed25519" | "x25519"): PrivateJwk => {
    const pair: { privateKey: unknown } = type === "ed25519" ? generateKeyPairSync("ed25519", jwks) : generateKeyPairSync("x25519", jwks);
    return pair.privateKey as PrivateJwk;
  };
  const [signingKey, agreementKey] = [jwk("ed25519"), jwk("x25519")];
  return { signing: signingKey.x, agreement: agreementKey.x, signingKey, agreementKey };
}

/** A statement about keys, signed with them or with others. */
export function statement(did: string, keys: Keys, more: Partial<KeyStatement> = {}, by: Keys = keys): string {
  const { signing, agreement } = keys;
  return signKeyStatement(
    { did, sequence: 0, signing, agreement, madeAt: Date.now(), ...more },
    { kid: agentKids(did, by).signing, privateKey: by.signingKey },
  );
}

/** An echo request, encrypted by an agent for another. */
export function envelope(from: string, by: Keys, to: string, recipient: Keys, more: object = {}): string {
  const plaintext = JSON.stringify({
    id: "inner",
    type: `${ECHO}/request`,
    from,
    to: [to],
    body: { secret: "for the recipient" },
    ...more,
  });
  return pack(plaintext, {
    from: { kid: agentKids(from, by).agreement, privateKey: by.agreementKey },
    to: { kid: agentKids(to, recipient).agreement, publicKey: agentJwks(recipient).agreement },
  });
}

/** What an agent pushes to send an envelope. */
export function wrapper(from: string, to: string, sealed: string): JsonObject {
  return encodePlaintext(wrapEnvelope(JSON.parse(sealed) as JsonObject, { id: "outer", from, to }));
}
