import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

it("sends messages to the other user, including those written while offline", async () => {
  await withNode(async (env) => {
    await using alice = new App(main, ["alice", "bob"], env);
    await alice.said("you are did:web:localhost:alice");
    alice.type("anybody there?");
    await alice.said("(not sent: The node refused the message: unknown recipient");
    {
      await using bob = new App(main, ["bob", "alice"], env);
      await bob.said("you are did:web:localhost:bob");
      bob.type("hello alice");
      await alice.said("bob: hello alice");
      alice.type("hello bob");
      await bob.said("alice: hello bob");
      bob.endInput();
      expect(await bob.exit()).toBe(0);
    }
    alice.type("come back");
    await using bob = new App(main, ["bob", "alice"], env);
    await bob.said("alice: come back");
    alice.endInput();
    expect(await alice.exit()).toBe(0);
  });
});
