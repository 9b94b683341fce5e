import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelReport, openLens } from "@parley/lens";
import { describe, expect, it } from "vitest";
import { compareViews } from "../src/compare-views.ts";
import { lensSource, type SeenChannel } from "../src/lens-source.ts";

const VIEW: ChannelReport = { name: "acme/team/general", epoch: 3, safetyNumber: "1 2", members: [], commits: [], unread: [] };
const view = (lens: string, changes: Partial<ChannelReport> = {}): ChannelReport & { lens: string } => ({ ...VIEW, ...changes, lens });
const unread = [{ sequence: 7, count: 1, code: "mls_error", reason: "unreadable", time: 1 }];

describe("a comparison of members", () => {
  it.each([
    ["one view", [view("alice")], "plain", "One lens"],
    ["equal groups", [view("alice"), view("bob")], "good", "All 2 lenses are in epoch 3"],
    [
      "a member that is behind",
      [view("alice"), view("bob", { epoch: 2, safetyNumber: "0" })],
      "warning",
      "bob is in epoch 2; the latest is 3",
    ],
    [
      "different groups of one epoch",
      [view("alice"), view("bob", { safetyNumber: "9" })],
      "bad",
      "Fork: alice and bob are both in epoch 3",
    ],
    [
      "a member that reports a fork",
      [view("alice", { epoch: 4 }), view("bob", { unread, problem: { code: "fork", reason: "", time: 1 } })],
      "bad",
      "bob is in epoch 3, alice is in epoch 4. The first entry that a member could not read is 7.",
    ],
    [
      "a member with another problem",
      [view("bob", { problem: { code: "log_lost", reason: "gone", time: 1 } })],
      "bad",
      "bob reports: gone",
    ],
  ] as const)("describes %s", (_, views, tone, text) => {
    const comparison = compareViews(views);
    expect(comparison.tone).toBe(tone);
    expect(comparison.text).toContain(text);
  });
});

describe("the source of lenses", () => {
  it("joins the views of all lenses by channel, and reports forks as stuck", async () => {
    const directory = await mkdtemp(join(tmpdir(), "parley-admin-lenses-"));
    const lenses = await Promise.all([
      openLens({ directory, name: "alice", read: () => ({ kind: "channels", channels: [VIEW] }) }),
      openLens({ directory, name: "bob", read: () => ({ kind: "channels", channels: [{ ...VIEW, safetyNumber: "9" }] }) }),
    ]);
    try {
      const { reads, actions } = lensSource(directory);
      const seen = (await reads["members"]?.({ channel: VIEW.name })) as { channels: SeenChannel[] } | undefined;
      expect(seen?.channels.map(({ name, views }) => [name, views.map(({ lens }) => lens).toSorted()])).toEqual([
        [VIEW.name, ["alice", "bob"]],
      ]);
      expect(await reads["overview"]?.({})).toMatchObject({
        lenses: 2,
        stuck: [{ what: VIEW.name, place: "members/acme%2Fteam%2Fgeneral" }],
      });
      expect(await reads["bridges"]?.({})).toMatchObject({ bridges: [] });
      expect(actions).toEqual({});
    } finally {
      await Promise.all(lenses.map((lens) => lens.close()));
      await rm(directory, { recursive: true });
    }
  });
});
