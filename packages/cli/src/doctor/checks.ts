import { ACCOUNT_CHECKS, NODE_KEY_CHECKS, RELAY_CHECK } from "./agent-checks.ts";
import type { Check } from "./check.ts";
import { DATA_CHECKS } from "./data-checks.ts";
import { LOCAL_CHECKS } from "./local-checks.ts";
import { addressChecks, httpChecks, type HttpServerKind } from "./server-checks.ts";

const NODE: HttpServerKind = { id: "node", title: "the node", variable: "LAYR8_NODE_URL", start: "`parley dev` or `layr8-node`" };
const API: HttpServerKind = {
  id: "api",
  title: "the API server",
  variable: "SKYTALE_API_URL",
  start: "`parley dev` or `skytale-server`",
};
const RELAY: HttpServerKind = { ...API, id: "relay", title: "the relay", variable: "SKYTALE_RELAY", defaultPort: 5000 };

/** All checks, in their order: what others need comes first. */
export const CHECKS: readonly Check[] = [
  ...LOCAL_CHECKS,
  ...DATA_CHECKS,
  ...addressChecks(NODE),
  ...httpChecks(NODE),
  ...NODE_KEY_CHECKS,
  ...addressChecks(API),
  ...httpChecks(API),
  ...ACCOUNT_CHECKS,
  ...addressChecks(RELAY),
  RELAY_CHECK,
];
