import { describe, expect, test } from "vitest";
import { createCipherSuite } from "../src/crypto/create-cipher-suite.ts";
import type { CipherSuiteName } from "../src/crypto/suites.ts";
import type { MlsEngine, MlsGroup } from "../src/index.ts";
import { TsMlsMember, tsMlsAgreement as agreement } from "./ts-mls-member.ts";
import { fromUtf8, newEngine, utf8 } from "./world.ts";

async function textOf(group: MlsGroup, message: Uint8Array): Promise<string | undefined> {
  const result = await group.process(message);
  return result.kind === "application" ? fromUtf8(result.data) : undefined;
}

const SUITES: readonly CipherSuiteName[] = [
  "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
  "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
  "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
  "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
];

describe.each(SUITES)("in one group with ts-mls, %s", (suite) => {
  const ours = async (name: string): Promise<MlsEngine> => newEngine(name, { cipherSuite: createCipherSuite(suite) });

  test("a group created by ts-mls: both add, send, update and remove", async () => {
    const stranger = await TsMlsMember.create("stranger", suite);
    await stranger.create(utf8("g"));
    const engine = await ours("ours");
    const added = await stranger.commit([await engine.keyPackage()], [], false);
    const group = await engine.joinGroup(added.welcome ?? new Uint8Array());
    expect(await agreement(group)).toBe(await stranger.agreement());

    expect(await textOf(group, await stranger.send("hello"))).toBe("hello");
    expect(await stranger.process(await group.encrypt(utf8("hello yourself")))).toBe("hello yourself");

    const second = await TsMlsMember.create("second", suite);
    const staged = await group.stageAdd([second.keyPackage]);
    await staged.confirm();
    await stranger.process(staged.commit);
    await second.join(staged.welcome ?? new Uint8Array());
    expect(await second.agreement()).toBe(await agreement(group));
    expect(await stranger.agreement()).toBe(await agreement(group));

    for (const from of [stranger, second]) {
      const update = await from.commit([], [], from === second);
      await group.process(update.commit);
      if (from === stranger) await second.process(update.commit);
      if (from === second) break;
    }
    expect(await second.agreement()).toBe(await agreement(group));
  });

  test("a group created here: ts-mls joins, both update, and this package removes a member", async () => {
    const engine = await ours("ours");
    const group = await engine.createGroup(utf8("g"));
    const strangers = await Promise.all(["one", "two", "three"].map((name) => TsMlsMember.create(name, suite)));
    const staged = await group.stageAdd(strangers.map(({ keyPackage }) => keyPackage));
    await staged.confirm();
    for (const stranger of strangers) await stranger.join(staged.welcome ?? new Uint8Array());
    const [one, two, three] = strangers;
    if (!one || !two || !three) throw new TypeError("There are three");

    const update = await group.stageUpdate();
    await update.confirm();
    for (const stranger of strangers) await stranger.process(update.commit);
    const theirs = await two.commit([], [], false);
    await group.process(theirs.commit);
    await one.process(theirs.commit);
    await three.process(theirs.commit);
    const views = new Set([await agreement(group), ...(await Promise.all(strangers.map((s) => s.agreement())))]);
    expect(views.size).toBe(1);

    const removal = await group.stageRemove([1]);
    await removal.confirm();
    await two.process(removal.commit);
    await three.process(removal.commit);
    expect(await two.agreement()).toBe(await agreement(group));
    expect(await three.process(await group.encrypt(utf8("among us")))).toBe("among us");
    expect(await textOf(group, await three.send("indeed"))).toBe("indeed");

    const last = await three.commit([], [2], true);
    await group.process(last.commit);
    expect(await three.agreement()).toBe(await agreement(group));
  });

  test.each([false, true])("proposals (public: %s) are committed by the other implementation in both directions", async (asPublic) => {
    const engine = await ours("ours");
    const group = await engine.createGroup(utf8("g"));
    const strangers = await Promise.all(["one", "two", "three"].map((name) => TsMlsMember.create(name, suite)));
    const [one, two, three] = strangers;
    if (!one || !two || !three) throw new TypeError("There are three");
    const staged = await group.stageAdd(strangers.map(({ keyPackage }) => keyPackage));
    await staged.confirm();
    for (const stranger of strangers) await stranger.join(staged.welcome ?? new Uint8Array());

    const proposal = await one.proposeRemoval(3, asPublic);
    await group.process(proposal);
    await two.process(proposal);
    const commit = await group.stage();
    await commit.confirm();
    await one.process(commit.commit);
    await two.process(commit.commit);
    expect(await one.agreement()).toBe(await agreement(group));
    expect(await two.agreement()).toBe(await agreement(group));

    const leaving = await group.leave();
    await one.process(leaving);
    await two.process(leaving);
    const theirs = await two.commit([], [], asPublic);
    await one.process(theirs.commit);
    expect(await group.process(theirs.commit)).toMatchObject({ kind: "commit", isRemoved: true });
    expect(await one.agreement()).toBe(await two.agreement());
  });
});
