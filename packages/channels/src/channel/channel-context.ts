import type { MlsGroup } from "@parley/mls-engine";
import type { RelayClient } from "@parley/skytale-relay";
import type { ChannelAudit } from "../audit/channel-audit.ts";
import type { ChannelTelemetry } from "../channel-telemetry.ts";
import type { ConnectionState } from "../connection-state.ts";
import type { SkytaleClientEvents } from "../client-events.ts";
import type { LateEntries } from "./late-entries.ts";
import type { LogPosition } from "./log-position.ts";
import type { SendKeys } from "./send-key.ts";

/** Past epochs whose keys members keep, to decrypt late messages. The same at all members, so that a sender knows what others can decrypt. */
export const RETAINED_EPOCHS = 8;

/** The objects shared by the parts of a channel. */
export interface ChannelContext {
  readonly name: string;
  readonly group: MlsGroup;
  readonly relay: RelayClient;
  readonly connection: ConnectionState;
  readonly position: LogPosition;
  readonly late: LateEntries;
  readonly sendKeys: SendKeys;
  readonly events: Partial<SkytaleClientEvents>;
  /** Reports spans; absent without `telemetry`. */
  readonly telemetry: ChannelTelemetry | undefined;
  /** Keeps the audit chain; absent without `audit`. */
  readonly audit: ChannelAudit | undefined;
  /** Reports a warning to the operator. */
  readonly warn: (warning: string) => void;
  /** Aborted when the channel is closed, with the error for pending calls as the reason. */
  readonly closed: AbortSignal;
}
