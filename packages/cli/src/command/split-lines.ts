/** Characters of a line. Of longer ones, the rest is dropped. */
const MAX_LINE = 65_536;

/** The lines of a text, without their line feeds. A line of any length takes bounded memory, as files of others may have. */
export async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let line = "";
  for await (const chunk of chunks) {
    const parts = chunk.split("\n");
    const rest = parts.pop() ?? "";
    for (const part of parts) {
      yield append(line, part);
      line = "";
    }
    line = append(line, rest);
  }
  if (line !== "") yield line;
}

function append(line: string, text: string): string {
  return line.length + text.length <= MAX_LINE ? line + text : line + text.slice(0, MAX_LINE - line.length);
}
