import { describe, expect, it } from "vitest";
import { unknownNames, withNameLinks } from "./api-names.mjs";
import { markdownOf, readDocstring } from "./docstrings.mjs";
import { codeSpans, fragmentsOf, summaryOf } from "./markdown.mjs";
import { pagePathOf, withPageLinks } from "./pages.mjs";
import { brokenPageLinks } from "./stage.mjs";

const known = {
  names: new Map([
    ["Client", "/reference/api/layr8.md#client"],
    ["Client.request", "/reference/api/layr8.md#client-request"],
  ]),
  commands: ["parley channels invite", "parley dead-letters list", "parley dev"],
  packages: new Set(["@parley/core"]),
};

describe("names in code font", () => {
  const unknown = (text) => unknownNames(text, known).map(({ line, name }) => `${line}: ${name}`);

  it("are reported if no package exports them", () => {
    expect(unknown("`Client` and `Klient`\n\n`Client.request`, `Client.reqest` and `ask()`")).toEqual([
      "1: Klient",
      "3: Client.reqest",
      "3: ask()",
    ]);
    expect(
      unknown(
        "`@parley/core`, `@parley/kore`, `parley dev`, `parley channels`, `parley dead-letters list`, `parley chanels invite`, `parley dead-leters`",
      ),
    ).toEqual(["1: @parley/kore", "1: parley chanels invite", "1: parley dead-leters"]);
  });

  it("of the language, in blocks and in headings are left alone", () => {
    expect(unknown("# `Klient`\n\n`TypeError` `true` `acme/team/general`\n\n```ts\n`Klient`\n```\n")).toEqual([]);
  });

  it("become links, the first time on a page", () => {
    const text = "`Client`, `Client`, [`Client.request`](x.md), `parley dev --open`";
    expect(withNameLinks(text, "start.md", known)).toBe(
      "[`Client`](/reference/api/layr8.md#client), `Client`, [`Client.request`](x.md), [`parley dev --open`](/reference/commands.md#parley-dev)",
    );
  });
});

describe("links between pages", () => {
  it("follow the place of each page on the site", () => {
    expect(pagePathOf("docs/node/wire.md")).toBe("node/wire.md");
    expect(pagePathOf("packages/core/README.md")).toBe("packages/core/index.md");
    expect(pagePathOf("packages/layr8/skills/build/SKILL.md")).toBeUndefined();
    const text =
      "[a](../README.md#parley) [b](start.md) [c](../scripts) [d](https://example.com) ![e](concepts/pictures/dids.svg)\n\n```\n[f](g.md)\n```";
    const repositoryLink = "https://github.com/parley-dev/parley/tree/main/scripts";
    expect(withPageLinks(text, "docs/sizes.md")).toBe(
      `[a](/project/readme.md#parley) [b](/start.md) [c](${repositoryLink}) [d](https://example.com) ![e](/concepts/pictures/dids.svg)\n\n\`\`\`\n[f](g.md)\n\`\`\``,
    );
  });

  it("are reported if there is no such page or heading", () => {
    const pages = [
      { path: "a.md", text: "# A\n\n[b](/b.md) [c](/c.md) [d](/b.md#two) [e](/b.md#one) [f](#a) [g](#x)" },
      { path: "b.md", text: "# One" },
    ];
    expect(brokenPageLinks(pages)).toEqual([
      "a.md: no page /c.md",
      "a.md: no heading #two in /b.md",
      "a.md: no heading #x in a.md".replace(" a.md", " /a.md"),
    ]);
  });
});

describe("Markdown", () => {
  it("has fragments of its headings, or their own", () => {
    expect([...fragmentsOf("# A `b` c\n\n## A\n\n## A\n\n## Client {#client}\n")]).toEqual(["a-b-c", "a", "a-1", "client"]);
  });

  it("has code spans outside of blocks and headings", () => {
    const spans = [];
    codeSpans("# `a`\n\n`b` ``c`d``\n\n```\n`e`\n```\n`f`\n", (span, line) => spans.push(`${line}: ${span}`) && "");
    expect(spans).toEqual(["3: b", "8: f"]);
  });

  it("is summarised by its first paragraph", () => {
    expect(summaryOf("# Title\n\nThe [first](a.md)\nparagraph.\n\nSecond.")).toBe("The first paragraph.");
  });
});

describe("docstrings", () => {
  it("become Markdown", () => {
    const comment =
      "/**\n * Sends.\n *\n * @param message - what {@link Client} sends\n * @returns its id\n * @throws\n *\n * TypeError\n * @example\n * ```ts\n * @x\n * ```\n */\n";
    expect(readDocstring(comment)).toEqual({
      text: "Sends.",
      params: [["message", "what {@link Client} sends"]],
      returns: "its id",
      throws: ["TypeError"],
      examples: ["```ts\n@x\n```"],
    });
    expect(markdownOf("See {@link Client} or {@link https://a.example | this}.")).toBe("See `Client` or [this](https://a.example).");
  });
});
