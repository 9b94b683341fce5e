import { portCompliance } from "@parley/compliance";
import { NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

portCompliance("a channel", async () => {
  const managers = await Managers.start();
  const [alice, bob, carol] = [managers.of("alice"), managers.of("bob"), managers.of("carol")];
  const first = await alice.create(NAME);
  const second = await bob.join(NAME, await alice.addMember(NAME, await bob.keyPackage()));
  const third = await carol.join(NAME, await alice.addMember(NAME, await carol.keyPackage()));
  return {
    ports: [first, second, third],
    maxBuffered: 1024,
    close: async () => void (await Promise.all([alice, bob, carol].map((manager) => manager.close()))),
    stop: () => managers[Symbol.asyncDispose](),
  };
});
