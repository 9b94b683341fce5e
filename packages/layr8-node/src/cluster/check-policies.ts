import { createHash } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { type JetstreamConnection, SharedTable } from "@parley/jetstream";
import type { Policy } from "../routing/authorize/policy-options.ts";

const KEY = "policies";

/**
 * Checks that a starting node has the same policies as the running ones: each message is judged by the node that accepts it.
 *
 * @param running names of the other nodes whose policies must be the same.
 * @throws TypeError if they differ; JetstreamError `streams_unavailable`; StorageError `storage_failed`
 */
export async function checkPolicies(
  connection: JetstreamConnection,
  policies: readonly Policy[],
  running: () => Promise<readonly string[]>,
): Promise<void> {
  const own = digestOf(policies);
  const stored: { digest?: string } = {};
  const table = await SharedTable.open(
    connection,
    { name: "meta" },
    {
      onEntry: ({ key, value }) => {
        if (key === KEY) stored.digest = Buffer.from(value).toString();
      },
      onRemoved: () => undefined,
    },
  );
  try {
    while (stored.digest !== own) {
      const others = stored.digest === undefined ? [] : await running();
      if (others.length > 0) throw differing(others);
      if (!(await table.put(KEY, Buffer.from(own), "", table.revisionOf(KEY)))) await table.catchUp();
    }
  } finally {
    await table.close();
  }
}

function differing(nodes: readonly string[]): TypeError {
  return new TypeError(
    `Option "policies" differs from that of the running nodes (${nodes.join(", ")}). To bring new policies to all nodes, one after the other, start each with allowMixedPolicies (--allow-mixed-policies)`,
  );
}

/** The same for policies that differ in the order of their members only. */
function digestOf(policies: readonly Policy[]): string {
  const sortMembers = (_key: string, value: unknown): unknown =>
    isJsonObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))) : value;
  return createHash("sha256").update(JSON.stringify(policies, sortMembers)).digest("base64url");
}
