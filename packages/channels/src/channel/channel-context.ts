import type { MlsGroup } from "@parley/mls-engine";
import type { RelayClient } from "@parley/skytale-relay";
import type { ConnectionState } from "../connection-state.ts";
import type { SkytaleClientEvents } from "../client-events.ts";
import type { LateEntries } from "./late-entries.ts";
import type { LogPosition } from "./log-position.ts";
import type { SendKeys } from "./send-key.ts";

/** Epochs that are kept after they ended, for messages that come late: the same for all members, so that a sender knows what others read. */
export const RETAINED_EPOCHS = 8;

/** What the parts of a channel share. */
export interface ChannelContext {
  readonly name: string;
  readonly group: MlsGroup;
  readonly relay: RelayClient;
  readonly connection: ConnectionState;
  readonly position: LogPosition;
  readonly late: LateEntries;
  readonly sendKeys: SendKeys;
  readonly events: Partial<SkytaleClientEvents>;
  /** Tells the operator. */
  readonly warn: (warning: string) => void;
  /** Fires when the channel is closed, with the reason for what waits. */
  readonly closed: AbortSignal;
}
