import { ParleyError } from "@parley/core";
import { PASS, type Handler } from "@parley/didcomm-agent";
import { LiveWatch } from "./live-watch.ts";
import { bootstrap, collect, type MediatedClient } from "./mediation.ts";
import { DELIVERY, STATUS } from "./protocols.ts";
import type { MediationSettings } from "./settings.ts";

/** Options of {@link ClientMediation}. */
export interface ClientMediationOptions {
  readonly client: MediatedClient;
  readonly settings: MediationSettings;
  readonly isConnected: () => boolean;
  /** A step has failed, or the agent's node has refused messages that a mediator kept. */
  readonly onFailure: (error: ParleyError) => void;
}

/** Runs the steps of mediation with the mediator of a client, and takes what mediators deliver to its DIDs. */
export class ClientMediation {
  readonly #options: ClientMediationOptions;
  readonly #liveWatch: LiveWatch | undefined;

  constructor(options: ClientMediationOptions) {
    this.#options = options;
    const { client, isConnected, onFailure, settings } = options;
    const { mediator, isLive, checkMs: intervalMs } = settings;
    if (mediator === undefined || !isLive) return;
    const onPickedUp = (refused: number): void => this.#reportRefused(mediator, refused);
    this.#liveWatch = new LiveWatch({ client, mediator, intervalMs, isConnected, onFailure, onPickedUp });
  }

  /** Runs the steps, if the client has a mediator. Called after each connect. */
  async run(): Promise<void> {
    const { client, isConnected, onFailure, settings } = this.#options;
    const { mediator, isLive } = settings;
    if (mediator === undefined) return;
    const result = await bootstrap(client, mediator, { live: isLive });
    if (isConnected()) this.#liveWatch?.begin(result.ok);
    if (result.ok) this.#reportRefused(mediator, result.refused);
    // The next check or connect tries again.
    else if (isConnected()) onFailure(result.error);
  }

  /** Handlers for what mediators send to a DID. The client's own DID, the default, takes deliveries from the client's mediator only. */
  handlers(did?: string): { readonly [type: string]: Handler } {
    return { [DELIVERY]: this.#deliveryHandler(did), [STATUS]: ignore };
  }

  stop(): void {
    this.#liveWatch?.stop();
  }

  #deliveryHandler(did: string | undefined): Handler {
    const { client, settings } = this.#options;
    return async ({ from = "", attachments = [] }) => {
      if (did === undefined && from !== settings.mediator) return PASS;
      const { refused } = await collect(client, from, attachments, did === undefined ? {} : { did });
      this.#reportRefused(from, refused);
      return undefined;
    };
  }

  #reportRefused(mediator: string, refused: number): void {
    if (refused === 0) return;
    const text = `The agent's node refused ${refused} of the messages that ${mediator} kept: they are malformed, denied or too large`;
    this.#options.onFailure(new ParleyError("mediation_refused", text));
  }
}

function ignore(): void {}
