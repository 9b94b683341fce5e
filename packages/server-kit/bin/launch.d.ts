/** Starts the command of a package: `dist/bin.js`. Answers `--help` (with `bin/help.txt`) and `--version` without loading anything else. */
export function launch(name: string, root: URL): Promise<void>;
