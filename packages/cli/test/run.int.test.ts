import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Workplace } from "./parley.ts";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

const program = (code: string): string[] => ["run", "--", process.execPath, "-e", code];

describe("parley run", () => {
  it("passes arguments, input, output and the exit code through", async () => {
    await place.dev();
    const echo = "process.stdin.pipe(process.stdout); process.exitCode = 7; console.error(process.argv.slice(1).join())";
    const result = await place.run([...program(echo), "--", "--json", "-x"], { input: "in" });
    expect(result).toEqual({ code: 7, stdout: "in", stderr: "--json,-x\n" });
  });

  it("ends as a shell does: 127 for an unknown command, 128 and the signal's number after a signal", async () => {
    await place.dev();
    expect(await place.run(["run", "--", "no-such-command-here"])).toMatchObject({
      code: 127,
      stderr: "parley: no-such-command-here cannot be run: no such file or directory\n",
    });
    expect((await place.run(program("process.kill(process.pid, 'SIGKILL')"))).code).toBe(137);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("forwards %s to the command", async (signal, code) => {
    await place.dev();
    const running = place.start(program("setInterval(() => undefined, 1000); console.log('up')"));
    await running.saw("up");
    running.child.kill(signal);
    expect((await running.ended).code).toBe(code);
  });

  it("finds the servers of a directory above, and of --data", async () => {
    const { environment } = await place.dev("--data", "elsewhere");
    const print = "console.log(process.env.LAYR8_NODE_URL)";
    expect((await place.run(program(print))).code).toBe(5);
    expect((await place.run(["run", "--data", "elsewhere", ...program(print).slice(1)])).stdout).toBe(`${environment["LAYR8_NODE_URL"]}\n`);
    const above = await place.dev();
    await mkdir(join(place.path, "a/b"), { recursive: true });
    const inside = ["-c", `cd a/b && exec "${process.execPath}" "$0" run -- "${process.execPath}" -e '${print}'`];
    const { stdout } = await place.run(["run", "--", "sh", ...inside, new URL("../bin/parley.js", import.meta.url).pathname]);
    expect(stdout).toBe(`${above.environment["LAYR8_NODE_URL"]}\n`);
  });

  it("reports that the servers are not running, also after a kill", async () => {
    const { code, stderr } = await place.run(program(""));
    expect(code).toBe(5);
    expect(stderr).toContain("no parley dev runs in this directory or above it\n  remedy: start `parley dev` in another terminal");
    const dev = await place.dev();
    dev.child.kill("SIGKILL");
    await dev.ended;
    const after = await place.run(program(""));
    expect(after.code).toBe(5);
    expect(after.stderr).toContain(`its last process, ${dev.child.pid}, has ended or does not answer`);
  });
});
