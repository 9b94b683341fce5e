import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readCorpus } from "../src/corpus.ts";
import { mutateBytes } from "../src/mutate-bytes.ts";
import { mutateJson } from "../src/mutate-json.ts";
import { pick, seededRandom } from "../src/random.ts";
import type { OpenTarget } from "../src/target.ts";

const MUTATIONS_OF_EACH = 3;
const WORDS = ["message", "phx_reply", "__proto__", "0", "null", "a2a", "kid", "alg", "none"];
const names = readdirSync(new URL("targets", import.meta.url)).map((name) => name.replace(/\.ts$/, ""));

it.each(names)("inputs of the corpus for %s, and some changes of each, lead to no fault", { timeout: 600_000 }, async (name) => {
  const { open } = (await import(`./targets/${name}.ts`)) as { open: OpenTarget };
  const target = await open();
  const corpus = [...target.seeds, ...readCorpus(fileURLToPath(new URL(`../corpus/${name}.txt`, import.meta.url)))];
  const random = seededRandom(1);
  const mutate = target.format === "json" ? mutateJson : mutateBytes;
  const changes = name.startsWith("mls") ? 1 : MUTATIONS_OF_EACH;
  for (const input of corpus) {
    await target.run(input);
    for (let i = 0; i < changes; i++) {
      const changed = mutate(input, random, { words: WORDS, other: pick(random, corpus) });
      await expect(target.run(changed), Buffer.from(changed).toString("base64url")).resolves.toBeUndefined();
    }
  }
  await target.close?.();
});
