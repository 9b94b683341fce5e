import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A file of the console's page. */
export interface ConsoleFile {
  readonly type: string;
  readonly content: Buffer;
  /** Whether its name changes with its content. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};
const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Parley console</title>
<h1>The console is not built</h1><p>Run <code>npm run build</code> in the repository, and start the server again.</p></html>`;

/** Reads the files of the page, by path. If the page is not built, a note replaces it. */
export async function readConsoleFiles(directory: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  const names = await readdir(directory).catch((): string[] => []);
  const files = new Map<string, ConsoleFile>();
  for (const name of names) {
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (type === undefined) continue;
    const content = await readFile(join(directory, name));
    files.set(name === "index.html" ? "/" : `/${name}`, { type, content, isImmutable: /-[\w]{8}\.\w+$/.test(name) });
  }
  if (!files.has("/")) files.set("/", { type: "text/html; charset=utf-8", content: Buffer.from(NOT_BUILT), isImmutable: false });
  return files;
}
