import type { ConnectOptions, Transport } from "@parley/core";
import { lazily } from "@parley/core/lazily";
import type { EncryptedTransports } from "./encrypted-transport.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import type { EndToEndSettings } from "./settings.ts";

/** Encryption and the resolution of DIDs are loaded by the first connect. */
const load = lazily(() => import("./encrypted-transport.ts"));

/** What a client does with keys that it holds itself. */
export class EndToEnd {
  readonly #settings: EndToEndSettings;
  #transports: Promise<EncryptedTransports> | undefined;

  constructor(settings: EndToEndSettings) {
    this.#settings = settings;
  }

  /** A transport whose messages are encrypted from agent to agent. */
  over(transport: Transport): Transport {
    return { connect: async (options: ConnectOptions) => (await this.held()).connect(transport, options) };
  }

  /** The keys of the client's DIDs. */
  held(): Promise<EncryptedTransports> {
    this.#transports ??= load().then(({ EncryptedTransports: Transports }) => new Transports(this.#settings));
    return this.#transports;
  }

  /** Ends the use of the key store. */
  async close(): Promise<void> {
    await (await this.#transports)?.close();
  }
}

/** @throws EndToEndError `keys_not_held` if the node holds the keys. */
export function requireEndToEnd(endToEnd: EndToEnd | undefined): EndToEnd {
  if (endToEnd !== undefined) return endToEnd;
  throw new EndToEndError("keys_not_held", 'The node holds the keys of this agent: the call needs keys: "agent"');
}
