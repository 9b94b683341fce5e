import { fileURLToPath } from "node:url";

/** The directory of the page's files: `index.html`, a script and a style sheet. */
export const CONSOLE_FILES: string = fileURLToPath(new URL("../dist/web", import.meta.url));
