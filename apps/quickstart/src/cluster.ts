// Two nodes and two skytale servers that share their data on three NATS servers, and agents that use them while servers are killed.
import { setTimeout as delay } from "node:timers/promises";
import { missingNats } from "@parley/test-nats";
import { tellCluster } from "./cluster/cluster-chapter.ts";
import { Story } from "./story.ts";

/** On a busy machine, NATS servers may take minutes until they replicate. */
const AT_MOST_MS = 15 * 60_000;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const missing = missingNats(3);
if (missing === undefined) {
  const story = new Story();
  const isInTime = await Promise.race([tellCluster(story).then(() => true), delay(AT_MOST_MS, false, { ref: false })]);
  if (!isInTime) console.log(`\nThe agents did not finish within ${AT_MOST_MS / 60_000} minutes.`);
  process.exit(story.end() && isInTime ? 0 : 1);
} else {
  console.error(`Three NATS servers that replicate are needed: ${missing}.`);
  console.error(
    "`npm run nats-server` unpacks one into .cache (Debian with apt-get). Elsewhere: https://github.com/nats-io/nats-server/releases, on PATH.",
  );
  process.exitCode = 1;
}
