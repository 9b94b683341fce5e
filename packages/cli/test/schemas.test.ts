import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";

const folder = new URL("../schemas/", import.meta.url);

describe("the published JSON Schemas", () => {
  // After a change: npx vitest run packages/cli/test/schemas.test.ts -u
  it.each(Object.entries(OUTPUT_SCHEMAS))("have %s as the commands print it", async (name, schema) => {
    const text = `${JSON.stringify(z.toJSONSchema(schema, { target: "draft-2020-12" }), undefined, 2)}\n`;
    await expect(text).toMatchFileSnapshot(`../schemas/${name}.json`);
  });

  it("are all there, and no other file", async () => {
    expect((await readdir(folder)).toSorted()).toEqual(
      Object.keys(OUTPUT_SCHEMAS)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
  });
});
