import { describe, expect, it } from "vitest";
import { matches, readSteps } from "../src/index.ts";

describe("the steps of a page", () => {
  it("are its named files and its commands with their output", () => {
    const page =
      "Save:\n\n```ts a.mjs\n1;\n```\n\n```sh setup\ngit clone\n```\n\n```sh background\nserve\n```\n\n```sh\nrun\n```\n\n```text\nok\n```\n";
    expect(readSteps(page)).toEqual([
      { kind: "file", name: "a.mjs", content: "1;\n" },
      { kind: "command", command: "serve", inBackground: true, output: undefined },
      { kind: "command", command: "run", inBackground: false, output: "ok" },
    ]);
  });

  it("have an output that is compared line by line", () => {
    expect(matches("1\tcommit\tAAEB\n2 message CCDD\n", "1 commit AA…\n2 message …")).toBe(true);
    expect(matches("1 commit\n", "1 message")).toBe(false);
    expect(matches("1 commit\n2 commit", "1 commit")).toBe(false);
  });
});
