import { expect, test } from "vitest";
import { createMlsEngine, memoryStore, unsafeAcceptAnyCredential, type MlsEngine, type MlsGroup } from "../src/index.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const engine = (identity: string): Promise<MlsEngine> =>
  createMlsEngine({ identity, store: memoryStore(), authenticate: unsafeAcceptAnyCredential });

test("two talk, a third comes, one goes", async () => {
  const [alice, bob, carol] = await Promise.all([engine("alice"), engine("bob"), engine("carol")]);
  const a = await alice.createGroup(text("g"));
  const s1 = await a.stageAdd([await bob.keyPackage()]);
  await s1.confirm();
  const b = await bob.joinGroup(s1.welcome!);
  const r = await b.process(await a.encrypt(text("hi")));
  expect(r.kind === "application" && new TextDecoder().decode(r.data)).toBe("hi");
  const s2 = await b.stageAdd([await carol.keyPackage()]);
  await a.process(s2.commit);
  await b.process(s2.commit);
  const c = await carol.joinGroup(s2.welcome!);
  for (const from of [a, b, c]) {
    const m = await from.encrypt(text("x"));
    for (const to of [a, b, c]) if (to !== from) expect(await to.process(m)).toMatchObject({ kind: "application" });
  }
  const s3 = await a.stageRemove([1]);
  await s3.confirm();
  expect(await b.process(s3.commit)).toMatchObject({ kind: "commit", isRemoved: true });
  await c.process(s3.commit);
  expect(c.epochAuthenticator).toEqual(a.epochAuthenticator);
  const u = await c.stageUpdate();
  await a.process(u.commit);
  await u.confirm();
  expect(c.epochAuthenticator).toEqual(a.epochAuthenticator);
  expect(await c.process(await a.encrypt(text("y")))).toMatchObject({ kind: "application" });
});
