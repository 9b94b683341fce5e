import { readFile, writeFile } from "node:fs/promises";

/** Flips a bit wherever a file that no process has open holds a text. */
export async function damageText(path: string, text: string): Promise<void> {
  const content = await readFile(path);
  if (!content.includes(text)) throw new Error(`${path} does not hold ${text}`);
  for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1)) content[at] = (content[at] ?? 0) ^ 1;
  await writeFile(path, content);
}
