import { createPrivateKey } from "node:crypto";
import { RejectedError, type Connection, type ConnectOptions, type Transport } from "@parley/core";
import { KeyedMutex } from "@parley/core/internal";
import type { SigningKey } from "@parley/credentials-client";
import { END_TO_END_PROTOCOL } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import { EncryptedConnection } from "./encrypted-connection.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import { DirectoryKeyStore, type KeyStore } from "./key-store.ts";
import { Keyring, nameOf } from "./keyring.ts";
import { createAgentResolver, PinnedResolver } from "./pinned-resolver.ts";
import { fingerprintOf, Pins } from "./pins.ts";
import { ReplayGuard } from "./replay-guard.ts";
import type { EndToEndSettings } from "./settings.ts";

/** One DID whose keys this process holds. */
interface HeldDid {
  readonly keyring: Keyring;
  readonly resolver: PinnedResolver;
  readonly guard: ReplayGuard;
  connection?: Connection;
}

/** Transports for agents that hold their keys themselves. */
export class EncryptedTransports {
  readonly #settings: EndToEndSettings;
  readonly #store: KeyStore;
  readonly #resolver: DidResolver;
  readonly #opened = new Map<string, Promise<HeldDid>>();
  readonly #rotating = new KeyedMutex();

  constructor(settings: EndToEndSettings) {
    const { store, resolution } = settings;
    this.#settings = settings;
    this.#store = typeof store === "string" ? new DirectoryKeyStore(store) : store;
    this.#resolver = createAgentResolver(resolution);
  }

  /** Connects a DID over a transport, with the keys of this store. @throws as `Transport.connect`; EndToEndError */
  async connect(transport: Transport, options: ConnectOptions): Promise<Connection> {
    const held = await this.#hold(options.did);
    const { keyring, resolver, guard } = held;
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
    held.connection = new EncryptedConnection(inner, { keyring, resolver, guard, verifier, events: options.events });
    return held.connection;
  }

  /**
   * Rotates the keys of a DID, and publishes them. Without a link to the node they are published at the next join.
   *
   * @throws EndToEndError `rotation_unsupported`; the errors of the store and of the connection
   */
  async rotate(did: string, overlapMs: number): Promise<void> {
    const { keyring, connection } = await this.#held(did);
    await this.#rotating.run(did, async () => {
      const now = Date.now();
      await keyring.rotate(now + overlapMs, now);
      if (connection?.connected === true) await connection.publishKeys?.(keyring.presented(now + (connection.clockOffsetMs ?? 0)));
    });
  }

  /** The fingerprint of a DID's present keys, as this agent accepts them. @throws EndToEndError `key_changed`; DidError */
  async fingerprint(own: string, did: string): Promise<string> {
    const { resolver } = await this.#held(own);
    return fingerprintOf(await resolver.resolve(did));
  }

  /** Accepts the present keys of a DID, whatever they are; resolves to their fingerprint. @throws DidError */
  async trust(own: string, did: string): Promise<string> {
    const { resolver } = await this.#held(own);
    return fingerprintOf(await resolver.trust(did));
  }

  /** The key with which this client signs credentials as a DID; `undefined` if it does not hold its keys. */
  async signingKey(did: string): Promise<SigningKey | undefined> {
    const held = await this.#opened.get(did);
    if (held === undefined) return undefined;
    const { kid, privateKey } = held.keyring.signingKey;
    return { kid, privateKey: createPrivateKey({ key: { ...privateKey }, format: "jwk" }) };
  }

  async #held(did: string): Promise<HeldDid> {
    const held = this.#opened.get(did);
    if (held === undefined) throw new EndToEndError("keys_not_held", `This client does not hold the keys of ${did}: connect as it first`);
    return held;
  }

  async #hold(did: string | undefined): Promise<HeldDid> {
    const known = did === undefined ? undefined : this.#opened.get(did);
    if (known !== undefined) return known;
    const keyring = await Keyring.open(this.#store, did, Date.now());
    const same = this.#opened.get(keyring.did);
    if (same !== undefined) return same;
    const opening = this.#open(keyring);
    this.#opened.set(keyring.did, opening);
    opening.catch(() => this.#opened.delete(keyring.did));
    return opening;
  }

  async #open(keyring: Keyring): Promise<HeldDid> {
    const name = nameOf(keyring.did);
    const [pins, guard] = await Promise.all([Pins.open(this.#store, `${name}.pins`), ReplayGuard.open(this.#store, `${name}.handled`)]);
    return { keyring, guard, resolver: new PinnedResolver(this.#resolver, pins, keyring) };
  }
}
