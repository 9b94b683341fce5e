import type { Access } from "./access.ts";
import type { AccountBudgets } from "./account-budgets.ts";
import type { ChannelFeeds } from "./channel-feeds.ts";
import type { DeliveryBudget } from "./delivery-budget.ts";
import type { FlushQueue } from "./flush-queue.ts";
import type { PublishingParts } from "./publishing.ts";
import type { RelayLimits } from "./relay-limits.ts";

/** What sessions share. */
export interface SessionParts extends PublishingParts {
  readonly access: Access;
  readonly feeds: ChannelFeeds;
  readonly budgets: AccountBudgets;
  readonly flushes: FlushQueue;
  readonly deliveries: DeliveryBudget;
  readonly limits: RelayLimits;
  /** The relay is stopping. */
  readonly draining: boolean;
}
