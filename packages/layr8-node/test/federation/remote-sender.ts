import { generateKeyPairSync } from "node:crypto";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pack, type OwnKey, type PackOptions, type PeerKey, type PrivateJwk } from "@parley/didcomm-crypto";
import type { PublicJwk } from "@parley/did";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { BOB, toBob } from "./pair.ts";

/** The response of a node to a POST. */
export interface Posted {
  readonly status: number;
  readonly code: unknown;
  readonly retryAfter: string | null;
  readonly text: string;
}

export async function post(
  node: Layr8Node,
  body: string | Uint8Array<ArrayBuffer>,
  contentType = "application/didcomm-encrypted+json",
): Promise<Posted> {
  const response = await fetch(`${node.httpUrl}/didcomm`, { method: "POST", headers: { "content-type": contentType }, body });
  const text = await response.text();
  const code = text === "" ? undefined : (JSON.parse(text) as { code?: unknown }).code;
  return { status: response.status, code, retryAfter: response.headers.get("retry-after"), text };
}

export function agreementKey(kid: string, curve: "X25519" | "P-256" = "X25519"): OwnKey & PeerKey & { readonly privateKey: PrivateJwk } {
  const encodings = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };
  const pair: { publicKey: unknown; privateKey: unknown } =
    curve === "X25519"
      ? generateKeyPairSync("x25519", encodings as never)
      : generateKeyPairSync("ec", { namedCurve: curve, ...encodings } as never);
  return { kid, publicKey: pair.publicKey as PublicJwk, privateKey: pair.privateKey as PrivateJwk };
}

export function documentOf(did: string, publicKey: unknown, uri = "http://127.0.0.1:9/didcomm"): Record<string, unknown> {
  const kid = `${did}#agreement`;
  return {
    "@context": ["https://www.w3.org/ns/did/v1"],
    id: did,
    verificationMethod: [{ id: kid, type: "JsonWebKey2020", controller: did, publicKeyJwk: publicKey }],
    keyAgreement: [kid],
    service: [{ id: `${did}#didcomm`, type: "DIDCommMessaging", serviceEndpoint: { uri, accept: ["didcomm/v2"] } }],
  };
}

/** A DIDComm sender on its own host, written by hand. The node under test must know the host `m.localhost`. */
export class RemoteSender {
  readonly did: string;
  readonly key: OwnKey & PeerKey;
  readonly port: number;
  /** The bodies that were posted to it. */
  readonly received: string[] = [];
  /** Paths that were requested. */
  readonly asked: string[] = [];
  /** Responds to requests for documents. */
  serve: (request: IncomingMessage, response: ServerResponse) => void;
  readonly #server: Server;

  private constructor(server: Server, did: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.did = did;
    this.key = agreementKey(`${did}#agreement`);
    this.serve = (_request, response) => this.response(response, documentOf(did, this.key.publicKey, `http://m.localhost/didcomm`));
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      if (request.method === "POST") {
        void this.#take(request, response);
      } else {
        this.asked.push(request.url ?? "");
        this.serve(request, response);
      }
    });
  }

  static async listen(did = "did:web:m.localhost:mallory"): Promise<RemoteSender> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new RemoteSender(server, did);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  response(response: ServerResponse, document: unknown): void {
    response.writeHead(200, { "content-type": "application/did+json" }).end(JSON.stringify(document));
  }

  /** A valid message to Bob, apart from the changes. */
  message(id: string, more: object = {}): Record<string, unknown> {
    return { ...toBob(id), from: this.did, ...more };
  }

  pack(message: object, to: PeerKey, options: Partial<PackOptions> = {}): string {
    return pack(JSON.stringify(message), { from: this.key, to, ...options });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    this.received.push(body);
    response.writeHead(202).end();
  }
}

/** The public key for messages to Bob, from the document of his DID. */
export async function keyOf(node: Layr8Node, did = BOB): Promise<PeerKey> {
  const [, , host = "", ...path] = did.split(":");
  const document = await new Promise<{ verificationMethod: { id: string; publicKeyJwk: PublicJwk }[] }>((resolve, reject) => {
    request(`${node.httpUrl}/${path.join("/")}/did.json`, { headers: { host } }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk))).on("end", () => resolve(JSON.parse(text) as never));
    })
      .on("error", reject)
      .end();
  });
  const method = document.verificationMethod.find(({ id }) => id === `${did}#agreement`);
  if (method === undefined) throw new Error(`${did} has no key`);
  return { kid: method.id, publicKey: method.publicKeyJwk };
}

/** Changes the protected header of an envelope. */
export function withHeader(envelope: string, change: (header: Record<string, unknown>) => Record<string, unknown>): string {
  const parsed = JSON.parse(envelope) as { protected: string };
  const header = JSON.parse(Buffer.from(parsed.protected, "base64url").toString()) as Record<string, unknown>;
  return JSON.stringify({ ...parsed, protected: Buffer.from(JSON.stringify(change(header))).toString("base64url") });
}
