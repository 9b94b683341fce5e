import { spawn } from "node:child_process";
import type { Output } from "../output/output.ts";
import type { DevDirectory } from "./dev-directory.ts";

/** The programs that open a file in the browser. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [command: string, ...args: string[]]>>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};
const DEFAULT_OPENER = ["xdg-open"] as const;

/**
 * Opens the console in the browser. The browser gets a file that only this user can read and that leads to the console: every user of this
 * machine can see the arguments of a process, and the address has the token.
 */
export async function openInBrowser(directory: DevDirectory, url: string, output: Output): Promise<void> {
  const file = await directory.writeConsolePage(url);
  const [command, ...args] = OPENERS[process.platform] ?? DEFAULT_OPENER;
  const child = spawn(command, [...args, file], { stdio: "ignore", detached: true });
  child.on("error", () => output.note("The browser could not be started: open the address of the console yourself."));
  child.unref();
}
