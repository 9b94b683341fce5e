import { fileURLToPath } from "node:url";
import { App, withSkytalePrograms } from "@parley/app-testing";
import { expect, it } from "vitest";

const CHANNEL = "acme/team/general";

async function tokenOf(app: App): Promise<string> {
  app.type("/invite");
  return (await app.said("token: ")).slice("token: ".length);
}

it("sends messages to all members, across restarts, and not to removed ones", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using alice = await start("main", "alice", CHANNEL);
    await alice.said(`you are alice in ${CHANNEL}`);
    const token = await tokenOf(alice);
    {
      await using bob = await start("main", "bob", CHANNEL, token);
      await bob.said("you are bob");
      await alice.said("(alice added bob)");
      bob.type("hello alice");
      await alice.said("bob: hello alice");
      alice.type("hello bob");
      await bob.said("alice: hello bob");
      bob.endInput();
      expect(await bob.exit()).toBe(0);
    }
    alice.type("come back");
    // The token has no use left, and bob needs none.
    await using bob = await start("main", "bob", CHANNEL);
    await bob.said("alice: come back");
    await using carol = await start("main", "carol", CHANNEL, token);
    expect(await carol.exit()).toBe(1);
    await carol.said("all uses of the invite are taken");

    alice.type("/remove bob");
    await bob.said("this agent was removed from the channel");
    alice.type("/members");
    await alice.said("members: alice");
    bob.type("still here?");
    await bob.said("(failed:");
    alice.endInput();
    expect(await alice.exit()).toBe(0);
  });
});

it("prints its usage", async () => {
  await using app = new App(fileURLToPath(new URL("../dist/main.js", import.meta.url)), ["alice"], {});
  expect(await app.exit()).toBe(2);
  await app.said("usage:");
});
