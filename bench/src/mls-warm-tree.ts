import { createMlsEngine, memoryStore, unsafeAcceptAnyCredential, type MlsEngine } from "@parley/mls-engine";
import { measure } from "./harness.ts";

const SIZES = [100, 1000];

/** Commits in a group whose members have all updated their keys once, as members of living groups have: their size is O(log n) then. */
export async function mlsWarmTree(): Promise<void> {
  for (const size of SIZES) {
    const alice = await engine("alice");
    const group = await alice.createGroup(new TextEncoder().encode("warm"));
    const bob = await engine("bob");
    const ofBob = await joinAndUpdate(bob, group);
    for (let n = 2; n < size; n++) {
      const member = await engine(`member ${n}`);
      await joinAndUpdate(member, group, (commit) => ofBob.process(commit));
      await member.close();
    }
    let bytes = 0;
    await measure({
      title: `update one's own keys, ${size} members that have all updated once`,
      unit: "ms",
      variants: [
        {
          name: "make the commit, and store it in memory",
          run: async () => {
            const started = performance.now();
            const staged = await group.stageUpdate();
            const took = performance.now() - started;
            bytes = staged.commit.length;
            await staged.discard();
            return took;
          },
        },
        {
          name: "process it",
          run: async () => {
            const staged = await group.stageUpdate();
            const started = performance.now();
            await ofBob.process(staged.commit);
            const took = performance.now() - started;
            await staged.confirm();
            return took;
          },
        },
      ],
    });
    console.log(`  bytes of the commit: ${bytes}`);
    await Promise.all([alice.close(), bob.close()]);
  }
}

type Group = Awaited<ReturnType<MlsEngine["createGroup"]>>;

async function joinAndUpdate(
  member: MlsEngine,
  group: Group,
  tell: (commit: Uint8Array) => Promise<unknown> = async () => {},
): Promise<Group> {
  const added = await group.stageAdd([await member.keyPackage()]);
  await tell(added.commit);
  await added.confirm();
  const joined = await member.joinGroup(added.welcome ?? new Uint8Array());
  const update = await joined.stageUpdate();
  await tell(update.commit);
  await group.process(update.commit);
  await update.confirm();
  return joined;
}

function engine(identity: string): Promise<MlsEngine> {
  return createMlsEngine({ identity, store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
}
