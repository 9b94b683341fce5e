export { buildConsole } from "./build-console.ts";
export { findBrowser } from "./find-browser.ts";
export { flood, type FloodResult } from "./flood.ts";
export { OpenedPage } from "./opened-page.ts";
export { Stack } from "./stack.ts";
export { Visit } from "./visit.ts";
