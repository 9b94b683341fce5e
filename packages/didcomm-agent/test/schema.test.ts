import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describe, expect, it } from "vitest";

import { BodyError } from "../src/index.ts";
import { checkBody } from "../src/schema.ts";

const failing = (issues: readonly StandardSchemaV1.Issue[]): StandardSchemaV1 => ({
  "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) },
});

describe("checkBody", () => {
  it("names where the body is wrong", async () => {
    const schema = failing([{ message: "too dear", path: ["items", 0, { key: "price" }] }, { message: "odd" }]);
    const failure = checkBody(schema, {}, "m1");
    await expect(failure).rejects.toBeInstanceOf(BodyError);
    await expect(failure).rejects.toMatchObject({
      code: "body_invalid",
      messageId: "m1",
      message: "body.items[0].price: too dear; body: odd",
      issues: [
        { path: "body.items[0].price", message: "too dear" },
        { path: "body", message: "odd" },
      ],
    });
  });

  it("keeps a bounded number of issues, each cut to size", async () => {
    const issue = { message: "m".repeat(9999), path: ["p".repeat(9999)] };
    const error = await checkBody(failing(Array.from({ length: 500 }, () => issue)), {}, "m1").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BodyError);
    expect((error as BodyError).issues).toHaveLength(10);
    expect((error as BodyError).message.length).toBeLessThan(5000);
  });
});
