import { createMlsEngine, memoryStore, type MlsGroup, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LateEntries } from "../../src/channel/late-entries.ts";
import { LATE_PREFIX } from "../../src/channel/rows.ts";

let group: MlsGroup;

beforeEach(async () => {
  const engine = await createMlsEngine({ identity: "a", store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
  group = await engine.createGroup(new Uint8Array([1]));
});

afterEach(async () => {
  await group.close();
});

const key = (number: number): Uint8Array => Uint8Array.of(number % 256);

it("late entries are restored after a restart from the rows written with the cursor", async () => {
  const late = new LateEntries(group);
  late.add(7, key(7));
  expect(late.keyAt(7)).toEqual(key(7));
  expect(new LateEntries(group).keyAt(7)).toBeUndefined();
  await group.writeRows(late.takeRows());
  expect(late.takeRows()).toEqual([]);
  expect(new LateEntries(group).keyAt(7)).toEqual(key(7));
  expect(new LateEntries(group).keyAt(8)).toBeUndefined();
});

it("the oldest late entries are dropped, on disk too", async () => {
  const late = new LateEntries(group);
  for (let sequence = 1; sequence <= 300; sequence++) late.add(sequence, key(sequence));
  await group.writeRows(late.takeRows());
  for (const each of [late, new LateEntries(group)]) {
    expect([each.keyAt(44), each.keyAt(45), each.keyAt(300)]).toEqual([undefined, key(45), key(300)]);
  }
  expect(group.rowKeys(LATE_PREFIX)).toHaveLength(256);
});

it("late entries are cleared when the log is replaced", async () => {
  const late = new LateEntries(group);
  late.add(1, key(1));
  await group.writeRows(late.takeRows());
  late.clear();
  await group.writeRows(late.takeRows());
  expect([late.keyAt(1), new LateEntries(group).keyAt(1)]).toEqual([undefined, undefined]);
});
