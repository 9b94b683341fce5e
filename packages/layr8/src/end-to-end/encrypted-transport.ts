import { createPrivateKey } from "node:crypto";
import { resolve } from "node:path";
import { RejectedError, type Connection, type ConnectOptions, type Transport } from "@parley/core";
import type { SigningKey } from "@parley/credentials-client";
import { END_TO_END_PROTOCOL } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import { EncryptedConnection } from "./encrypted-connection.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import { sharedKeyStore, type HeldKeys, type SharedKeyStore } from "./held-keys.ts";
import { createAgentResolver, PinnedResolver } from "./pinned-resolver.ts";
import { fingerprintOf } from "./pins.ts";
import type { EndToEndSettings } from "./settings.ts";

/** One DID of this client. */
interface OwnDid extends HeldKeys {
  readonly resolver: PinnedResolver;
  connection: Connection;
}

/** Transports for agents that hold their keys themselves. */
export class EncryptedTransports {
  readonly #settings: EndToEndSettings;
  readonly #keys: SharedKeyStore;
  readonly #resolver: DidResolver;
  readonly #own = new Map<string, OwnDid>();

  constructor(settings: EndToEndSettings) {
    const { store, resolution } = settings;
    this.#settings = settings;
    this.#keys = sharedKeyStore(typeof store === "string" ? resolve(store) : store);
    this.#resolver = createAgentResolver(resolution);
  }

  /** Connects a DID over a transport, with the keys of this store. @throws as `Transport.connect`; EndToEndError */
  async connect(transport: Transport, options: ConnectOptions): Promise<Connection> {
    const held = await this.#keys.hold(options.did);
    try {
      const own = this.#own.get(held.keyring.did);
      const resolver = own?.resolver ?? new PinnedResolver(this.#resolver, held.pins, held.keyring);
      const connection = await this.#connect(transport, options, { ...held, resolver });
      const { did } = held.keyring;
      // The store is used once for each DID, until the client closes.
      if (this.#own.has(did)) await this.#keys.release();
      this.#own.set(did, { ...held, resolver, connection });
      return connection;
    } catch (error) {
      await this.#keys.release();
      throw explained(error, held.keyring);
    }
  }

  /** Ends the use of the key store. */
  async close(): Promise<void> {
    const own = Array.from(this.#own.keys());
    this.#own.clear();
    await Promise.all(own.map(() => this.#keys.release()));
  }

  /**
   * Rotates the keys of a DID, and publishes them. Without a link to the node they are published at the next join.
   *
   * @throws EndToEndError `keys_not_held`, `rotation_unsupported`; the errors of the store and of the connection
   */
  async rotate(did: string, overlapMs: number): Promise<void> {
    const { keyring, connection } = this.#ownDid(did);
    const now = Date.now();
    await keyring.rotate(now + overlapMs, now);
    if (connection.connected) await connection.publishKeys?.(keyring.presented(now + (connection.clockOffsetMs ?? 0)));
  }

  /** The fingerprint of a DID's present keys, as this agent accepts them. @throws EndToEndError `key_changed`, `keys_not_held`; DidError */
  async fingerprint(own: string, did: string): Promise<string> {
    return fingerprintOf(await this.#ownDid(own).resolver.resolve(did));
  }

  /** Accepts the present keys of a DID, whatever they are; resolves to their fingerprint. @throws EndToEndError `keys_not_held`; DidError */
  async trust(own: string, did: string): Promise<string> {
    return fingerprintOf(await this.#ownDid(own).resolver.trust(did));
  }

  /** The key with which this client signs credentials as a DID; `undefined` if it does not hold its keys. */
  signingKey(did: string): SigningKey | undefined {
    const own = this.#own.get(did);
    if (own === undefined) return undefined;
    const { kid, privateKey } = own.keyring.signingKey;
    return { kid, privateKey: createPrivateKey({ key: { ...privateKey }, format: "jwk" }) };
  }

  /** Resolves other DIDs as a DID of this client accepts them. @throws EndToEndError `keys_not_held` */
  resolver(own: string): DidResolver {
    return this.#ownDid(own).resolver;
  }

  async #connect(
    transport: Transport,
    options: ConnectOptions,
    { keyring, guard, resolver }: Omit<OwnDid, "connection">,
  ): Promise<Connection> {
    const { protocols: _, ...others } = options;
    const inner = await transport.connect({
      ...others,
      did: keyring.did,
      // Which protocols the agent handles is not the node's business.
      protocols: [END_TO_END_PROTOCOL],
      keys: (nowMs) => keyring.presented(nowMs),
    });
    if (inner.publishesKeys !== true) {
      await inner.close();
      const text = "The node does not publish keys that agents hold themselves: it would create keys of its own";
      throw new RejectedError("join_refused", text, "keys_unsupported");
    }
    const { resolution } = this.#settings;
    const verifier = { issuers: this.#resolver, senders: resolver, resolution };
    return new EncryptedConnection(inner, { keyring, resolver, guard, verifier, events: options.events });
  }

  #ownDid(did: string): OwnDid {
    const own = this.#own.get(did);
    if (own === undefined)
      throw new EndToEndError(
        "keys_not_held",
        `This client does not hold the keys of ${did}: it has to connect as it first, and not be closed`,
      );
    return own;
  }
}

/** Adds to a refusal of changed keys that this process has created them: the key store may be a wrong one. */
function explained(error: unknown, { createdAt, did }: HeldKeys["keyring"]): unknown {
  if (createdAt === undefined || !(error instanceof RejectedError) || error.reason !== "e.join.keys.changed") return error;
  const hint = `${error.message}. These keys are new: the key store had none of ${did}, and they are now in ${createdAt}. Use the key store that has its keys, or a backup`;
  const { problemCode } = error;
  return new RejectedError("join_refused", hint, error.reason, problemCode);
}
