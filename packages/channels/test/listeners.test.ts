import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SkytaleChannelManagerOptions } from "../src/index.ts";
import { NAME } from "./support/harness.ts";
import { Managers } from "./support/managers.ts";

let managers: Managers;

beforeEach(async () => {
  managers = await Managers.start();
});
afterEach(() => managers[Symbol.asyncDispose]());

describe("a listener that fails", () => {
  const fail = (): never => {
    // Applications can throw values that are not errors.
    // oxlint-disable-next-line typescript/only-throw-error
    throw { code: 5 };
  };

  it.each<[string, Pick<SkytaleChannelManagerOptions, "events" | "onWarning">]>([
    ["onConnected", { events: { onConnected: fail } }],
    ["onCaughtUp", { events: { onCaughtUp: fail } }],
    ["onMembersChanged", { events: { onMembersChanged: fail } }],
    ["onMembersChanged", { events: { onMembersChanged: () => Promise.reject(new Error("rejected")) as never } }],
  ])("has no effect but a process warning: %s", async (name, listeners) => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const alice = managers.of("alice", listeners);
    const bob = managers.of("bob");
    await alice.create(NAME);
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await bob.send(NAME, "hello");
    expect(await alice.receive(NAME)).toEqual(["hello"]);
    const expected = expect.stringMatching(new RegExp(`^events\\.${name} failed: (?:an object was thrown: \\{ code: 5 \\}|rejected)$`));
    await vi.waitFor(() => expect(emitWarning.mock.calls.map(([text]) => text)).toContainEqual(expected));
    emitWarning.mockRestore();
  });
});

describe("listeners", () => {
  it("may be methods of an object", async () => {
    class Links {
      #up = 0;
      get up(): number {
        return this.#up;
      }
      onConnected(): void {
        this.#up += 1;
      }
    }
    const events = new Links();
    await managers.of("alice", { events }).connect();
    expect(events.up).toBe(1);
  });
});
