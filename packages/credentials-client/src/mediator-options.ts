import type { CallOptions } from "./credentials.ts";

/** Options of `setMediator`. */
export interface MediatorOptions extends CallOptions {
  /** The DID that is reached through the mediator. Default: the client's. */
  readonly did?: string;
}
