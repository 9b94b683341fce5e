// Plain JavaScript: it runs before it is known whether the packages are built and what Node this is.
import { existsSync, readFileSync } from "node:fs";

/**
 * Starts the command of a package: `dist/bin.js`. Answers `--help` (with `bin/help.txt`) and `--version` without loading anything else.
 *
 * @param {string} name the command's name.
 * @param {URL} root the package's folder.
 */
export async function launch(name, root) {
  const args = process.argv.slice(2);
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Parley needs Node 20.19 or newer; this is ${process.versions.node}`);
  } else if (args.includes("--help") || args.includes("-h") || args[0] === "help") {
    process.stdout.write(readFileSync(new URL("bin/help.txt", root), "utf8"));
  } else if (args[0] === "--version") {
    const manifest = /** @type {{ readonly version: string }} */ (JSON.parse(readFileSync(new URL("package.json", root), "utf8")));
    console.log(manifest.version);
  } else {
    await import(new URL("dist/bin.js", root).href).catch((/** @type {Error & { readonly code?: string }} */ error) => {
      // In a clone of the repository that is not built, modules are missing.
      if (error.code !== "ERR_MODULE_NOT_FOUND" || !existsSync(new URL("../../pnpm-workspace.yaml", root))) throw error;
      fail(`${name} is not built yet: run \`npm run setup\` and \`npm run build\` in the root of the repository`);
    });
  }
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
