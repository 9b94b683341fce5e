export { CONSOLE_FILES } from "./console-files.ts";
export { openConsole } from "./open-console.ts";
