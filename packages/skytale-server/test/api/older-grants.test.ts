import { describe, expect, it } from "vitest";
import { readApiLimits } from "../../src/api/limits.ts";
import { accountChannels, channelRecords, grants, hashed } from "../../src/api/records.ts";
import { Services } from "../../src/api/services.ts";
import { MemoryEnvironment } from "@parley/storage";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";
import { transact } from "../../src/registry/transaction.ts";

const CHANNEL = "acme/team/general";

describe("grants of a version that didn't record who made them", () => {
  it("stay valid, outlive the withdrawal of others, and can be withdrawn", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    const services = await Services.open({ registry, limits: readApiLimits() });
    const [owner, older, newer] = await Promise.all(
      ["owner", "older", "newer"].map(async (name) => (await services.accounts.create({ email: `${name}@example.org`, name })).id),
    );
    if (owner === undefined || older === undefined || newer === undefined) throw new Error("no accounts");
    await services.channels.create(owner, CHANNEL);
    await transact(registry, async (transaction) => {
      const channel = await transaction.get(channelRecords, hashed(CHANNEL));
      if (channel === undefined) throw new Error("no channel");
      transaction.put(channelRecords, [hashed(CHANNEL)], { ...channel, grants: 1 });
      transaction.put(grants, [hashed(CHANNEL), older], { channel: CHANNEL, accountId: older, createdAt: 1 });
      transaction.put(accountChannels, [older, hashed(CHANNEL)], { id: CHANNEL });
    });
    await services.channels.grant(owner, CHANNEL, newer);
    await services.withdrawals.withdraw(owner, CHANNEL, newer);
    expect(await services.channels.mayUse(newer, CHANNEL)).toBe(false);
    expect(await services.channels.mayUse(older, CHANNEL)).toBe(true);
    await services.withdrawals.withdraw(owner, CHANNEL, older);
    expect(await services.channels.mayUse(older, CHANNEL)).toBe(false);
    expect(await channelRecords.read(registry, hashed(CHANNEL))).toMatchObject({ grants: 0 });
  });
});

describe("a withdrawal that a stop of the server cuts short", () => {
  it("is finished by the next maintenance", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    let isCut = false;
    const cut = new Proxy(registry, {
      get: (target, member: keyof StoredRegistry) => {
        if (member === "list" && isCut) return () => Promise.reject(new Error("killed"));
        return (target[member] as () => unknown).bind(target);
      },
    });
    const services = await Services.open({ registry: cut, limits: readApiLimits() });
    const [owner, mallory, sybil] = await Promise.all(
      ["owner", "mallory", "sybil"].map(async (name) => (await services.accounts.create({ email: `${name}@example.org`, name })).id),
    );
    if (owner === undefined || mallory === undefined || sybil === undefined) throw new Error("no accounts");
    await services.channels.create(owner, CHANNEL);
    await services.channels.grant(owner, CHANNEL, mallory);
    await transact(registry, async (transaction) => {
      const channel = await transaction.get(channelRecords, hashed(CHANNEL));
      if (channel === undefined) throw new Error("no channel");
      await services.channels.addGrant(transaction, channel, { accountId: sybil, maker: mallory });
    });
    isCut = true;
    await expect(services.withdrawals.withdraw(owner, CHANNEL, mallory)).rejects.toThrow("killed");
    isCut = false;
    expect(await services.channels.mayUse(sybil, CHANNEL)).toBe(true);
    await services.maintain();
    expect(await services.channels.mayUse(sybil, CHANNEL)).toBe(false);
  });
});
