import { existsSync } from "node:fs";

/** Debian's packages chromium-headless-shell and chromium. */
const PLACES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/** Finds the browser for tests, or the reason why tests are skipped. `PARLEY_CHROMIUM` names another browser. */
export function findBrowser():
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string } {
  const path = [process.env["PARLEY_CHROMIUM"], ...PLACES].find((place) => place !== undefined && existsSync(place));
  if (path !== undefined) return { path };
  return { missing: "missing browser; install Debian's chromium-headless-shell, or set PARLEY_CHROMIUM to a Chromium" };
}
