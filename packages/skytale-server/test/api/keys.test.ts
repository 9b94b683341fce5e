import { expect, it } from "vitest";
import { Accounts } from "../../src/api/accounts.ts";
import { ApiKeys } from "../../src/api/keys.ts";
import { MemoryEnvironment } from "@parley/storage";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";

it("makes no id that begins with a dash: people type ids on command lines", async () => {
  const shared = { registry: new StoredRegistry(new MemoryEnvironment()), now: () => 0 };
  const keys = new ApiKeys({ ...shared, maxPerAccount: 2000 });
  const account = await new Accounts({ ...shared, keys, maxAccounts: 1 }).create({ email: "a@example.org", name: "a" });
  const ids = [account.id, account.apiKey.id];
  for (let count = 0; count < 1500; count += 1) ids.push((await keys.create(account.id, {})).id);
  expect(ids.filter((id) => id.startsWith("-"))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});
