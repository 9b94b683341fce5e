export { findBrowser } from "./find-browser.ts";
export { OpenedPage } from "./opened-page.ts";
