import { MlsEngineError, type MlsEngineErrorCode } from "@parley/mls-engine";
import { describe, expect, it } from "vitest";
import { ForkDetector, type UnusableEntryKind, unusableEntryKind } from "../../src/channel/unusable-entry.ts";

const at = (code: MlsEngineErrorCode, messageEpoch?: bigint): MlsEngineError =>
  new MlsEngineError(code, "", messageEpoch === undefined ? {} : { messageEpoch, groupEpoch: 5n });

describe("an entry of the log that the engine rejects", () => {
  it.each<[string, MlsEngineError, UnusableEntryKind]>([
    ["an own message", at("own_message"), "own"],
    ["a commit for an epoch that another has ended", at("fork", 4n), "lost"],
    ["an own commit that comes back", at("fork", 5n), "unreadable"],
    ["a message of another group", at("wrong_group"), "foreign"],
    ["a message of an epoch that is kept no longer", at("epoch_mismatch", 1n), "past"],
    ["a message of an epoch that isn't reached", at("epoch_mismatch", 6n), "unreadable"],
    ["a repetition", at("generation_consumed"), "repeated"],
    ["garbage", at("malformed"), "unreadable"],
    ["a changed message", at("decryption_failure"), "unreadable"],
    ["an invalid commit", at("invalid_commit"), "unreadable"],
    ["any entry after this member was removed", at("removed"), "over"],
    ["anything, when the state is damaged", at("state_damaged"), "over"],
  ])("%s", (_what, error, verdict) => {
    expect(unusableEntryKind(error)).toBe(verdict);
  });

  it("ends reading for errors that the entry did not cause", () => {
    expect(unusableEntryKind(new Error("disk full"))).toBe("over");
  });
});

describe("a fork", () => {
  it("is reported once, at the third consecutive unreadable entry", () => {
    const watch = new ForkDetector();
    expect([watch.unreadable(), watch.unreadable()]).toEqual([false, false]);
    watch.readable();
    expect([1, 2, 3, 4, 5].map(() => watch.unreadable())).toEqual([false, false, true, false, false]);
  });
});
