// Docstrings as Markdown.

/** The parts of a docstring: `{ text, params: [[name, text]], returns, throws: [], examples: [] }`. */
export function readDocstring(comment = "") {
  const lines = comment
    .replace(/^\s*\/\*\*+/, "")
    .replace(/\*\/\s*$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  /** @type {{ text: string, params: [string, string][], returns: string, throws: string[], examples: string[] }} */
  const doc = { text: "", params: [], returns: "", throws: [], examples: [] };
  let [tag, value, fence] = ["", [], false];
  const end = () => {
    const text = value.join("\n").trim();
    if (tag === "" || tag === "remarks") doc.text = `${doc.text}\n\n${text}`.trim();
    else if (tag === "param" || tag === "typeParam") {
      const [, name = "", rest = ""] = /^(\S+)\s+(?:- )?([\s\S]*)$/.exec(text) ?? [];
      doc.params.push([name, rest]);
    } else if (tag === "returns") doc.returns = text;
    else if (tag === "throws") doc.throws.push(text);
    else if (tag === "example") doc.examples.push(text);
  };
  for (const line of lines) {
    if (/^\s*```/.test(line)) fence = !fence;
    const found = fence ? null : /^@(\w+)\s*(.*)$/.exec(line);
    if (found === null) value.push(line);
    else {
      end();
      [tag, value] = [found[1], [found[2]]];
    }
  }
  end();
  return doc;
}

/** A docstring's text with `{@link X}` as code, which the site links. Comparisons with `<` are not HTML: the site allows none. */
export function markdownOf(text) {
  return text
    .replaceAll(/\{@link ([^}|\s]+)(?:\s*\|\s*([^}]+))?\}/g, (_, target, label) => {
      if (/^https?:/.test(target)) return `[${label ?? target}](${target})`;
      return label === undefined ? `\`${target}\`` : `${label} (\`${target}\`)`;
    })
    .replaceAll(/\\([<>{}@|])/g, "$1");
}

/** A docstring's text on one line, for a cell of a table. */
export function cellOf(text) {
  return markdownOf(text)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(?<!\\)\|/g, "\\|")
    .trim();
}
