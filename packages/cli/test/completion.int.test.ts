import { spawnSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeUnless } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BIN, Workplace } from "./parley.ts";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

const completed = async (...words: readonly string[]): Promise<string[]> =>
  (await place.run(["__complete", "--", ...words])).stdout.split("\n").filter((line) => line !== "");

describe("completions", () => {
  it("offers commands, subcommands, options, choices and names of contexts", async () => {
    expect(await completed("d")).toEqual(["dev", "doctor", "dead-letters", "did"]);
    expect(await completed("context", "")).toEqual(["add", "use", "list", "remove"]);
    expect(await completed("dev", "--node")).toEqual(["--node-port"]);
    expect(await completed("completion", "")).toEqual(["bash", "zsh", "fish"]);
    await place.run(["context", "add", "production"], { env: { LAYR8_NODE_URL: "http://127.0.0.1:9", LAYR8_API_KEY: "k" } });
    expect(await completed("doctor", "--context", "")).toEqual(["production", "none"]);
    expect(await completed("context", "use", "p")).toEqual(["production"]);
    // Files are left to the shell.
    expect(await completed("doctor", "--bundle", "")).toEqual([]);
    expect((await place.run(["--help"])).stdout).not.toContain("__complete");
  });

  it("rejects unknown shells", async () => {
    expect(await place.run(["completion", "csh"])).toMatchObject({ code: 2, stdout: "" });
  });
});

/** Runs a script in a shell in which `parley` is this command. */
async function inShell(shell: string, script: string): Promise<string> {
  const command = join(place.path, "parley");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  await chmod(command, 0o755);
  const env = { ...process.env, PATH: `${place.path}:${process.env["PATH"] ?? ""}`, HOME: place.path };
  const { stdout, stderr } = spawnSync(shell, ["-c", script], { env, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout;
}

const missing = (shell: string): string | undefined =>
  spawnSync(shell, ["--version"]).error === undefined ? undefined : `${shell} is not installed`;

describeUnless(missing("bash"), "completions in bash", () => {
  it("are those of the command", async () => {
    const script = 'eval "$(parley completion bash)"; COMP_WORDS=(parley context u); COMP_CWORD=2; _parley; echo "${COMPREPLY[@]}"';
    expect(await inShell("bash", script)).toBe("use\n");
  });
});

describeUnless(missing("fish"), "completions in fish", () => {
  it("are those of the command", async () => {
    expect(await inShell("fish", 'parley completion fish | source; complete -C "parley context u"')).toBe("use\n");
  });
});

describeUnless(missing("zsh"), "completions in zsh", () => {
  it("are those of the command", async () => {
    const stubs = 'compdef() { :; }; compadd() { shift; echo "$@"; }; words=(parley context u); CURRENT=3';
    expect(await inShell("zsh", `${stubs}; eval "$(parley completion zsh)"; _parley`)).toBe("use\n");
  });
});
