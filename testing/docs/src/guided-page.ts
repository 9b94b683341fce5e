/** A step of a page that a reader follows: a file to save, or a command to run with its expected output. */
export type Step =
  | { readonly kind: "file"; readonly name: string; readonly content: string }
  | { readonly kind: "command"; readonly command: string; readonly inBackground: boolean; readonly output: string | undefined };

const BLOCK = /^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm;

/**
 * Reads the steps of a page. A `ts` block with a name is a file. A `sh` block is a command; with `background` it keeps running, with `setup` it is left
 * out. A `text` block is the output of the command before it, where `…` stands for anything.
 */
export function readSteps(markdown: string): readonly Step[] {
  const steps: Step[] = [];
  for (const [, language = "", info, content = ""] of markdown.matchAll(BLOCK)) {
    if (language === "ts" && info !== undefined) steps.push({ kind: "file", name: info, content });
    if (language === "sh" && info !== "setup")
      steps.push({ kind: "command", command: content.trim(), inBackground: info === "background", output: undefined });
    const last = steps.at(-1);
    if (language === "text" && last?.kind === "command") steps[steps.length - 1] = { ...last, output: content.trim() };
  }
  return steps;
}

/** Whether an output is the expected one. White space is compared loosely; `…` stands for anything on its line. */
export function matches(output: string, expected: string): boolean {
  const pattern = expected
    .trim()
    .split("\n")
    .map((line) =>
      line
        .trim()
        .split("…")
        .map((part) =>
          part
            .split(/\s+/)
            .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
            .join(String.raw`\s+`),
        )
        .join(".*"),
    )
    .join(String.raw`\s*\n\s*`);
  return new RegExp(`^${pattern}$`).test(output.trim());
}
