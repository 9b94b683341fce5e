import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatLogLine } from "../src/format-log-line.ts";
import { writeEnvFile } from "../src/cli/env-file.ts";
import { readConfigFile } from "../src/cli/read-config-file.ts";
import { readPortOption } from "../src/cli/read-port-option.ts";
import { unknownCommand } from "../src/cli/unknown-command.ts";
import { couldBeCommitted, listenError, options, parseOptions, port, probePort, readOptions, text } from "../src/index.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "server-kit-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("writeEnvFile", () => {
  it("writes variables that node --env-file reads, for the owner only, and keeps other lines", async () => {
    const path = join(directory, ".env");
    await writeFile(path, "# mine\nOTHER=1\nexport URL=old\nKEY = old\n\n");
    await chmod(path, 0o644);
    await writeEnvFile(path, { URL: "http://127.0.0.1:1", KEY: "a b#c" });
    expect(await readFile(path, "utf8")).toBe("# mine\nOTHER=1\nURL=http://127.0.0.1:1\nKEY='a b#c'\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await writeEnvFile(path, { URL: "http://127.0.0.1:2" });
    expect(await readFile(path, "utf8")).toBe("# mine\nOTHER=1\nKEY='a b#c'\nURL=http://127.0.0.1:2\n");
  });

  it("replaces the file behind a link, and leaves no other file", async () => {
    const [path, link] = [join(directory, "shared.env"), join(directory, ".env")];
    await writeFile(path, "OTHER=1\n");
    await symlink(path, link);
    await writeEnvFile(link, { KEY: "secret" });
    expect(await readFile(path, "utf8")).toBe("OTHER=1\nKEY=secret\n");
    expect((await readdir(directory)).toSorted()).toEqual([".env", "shared.env"]);
  });

  it("keeps the old content when the new one can't be written", async () => {
    // The name of the new file, which is longer, exceeds the limit of file systems.
    const path = join(directory, "x".repeat(250));
    await writeFile(path, "OTHER=1\n");
    await expect(writeEnvFile(path, { KEY: "secret" })).rejects.toThrow(`--write-env ${path}: `);
    expect(await readFile(path, "utf8")).toBe("OTHER=1\n");
    expect(await readdir(directory)).toHaveLength(1);
  });

  it("names the file and the reason when it can't be written", async () => {
    const path = join(directory, "absent", ".env");
    await expect(writeEnvFile(path, { A: "1" })).rejects.toThrow(
      `--write-env ${path}: no such file or directory: create the directory ${join(directory, "absent")} first`,
    );
    await expect(writeEnvFile(directory, { A: "1" })).rejects.toThrow(`--write-env ${directory}: it is a directory`);
  });
});

describe("a file with keys", () => {
  const git = (...args: readonly string[]) => promisify(execFile)("git", ["-C", directory, ...args]);

  it("could be committed in a work tree of git that does not ignore it", async () => {
    const path = join(directory, ".env");
    expect(await couldBeCommitted(path)).toBe(false);
    await git("init", "--quiet");
    expect(await couldBeCommitted(path)).toBe(true);
    await writeFile(join(directory, ".gitignore"), ".env\n");
    expect(await couldBeCommitted(path)).toBe(false);
    // Ignored files can be tracked.
    await writeFile(path, "");
    await git("add", "--force", ".env");
    expect(await couldBeCommitted(path)).toBe(true);
  });
});

describe("options", () => {
  it("that are unknown are rejected with the nearest valid one", () => {
    const options = { port: { type: "string" }, "data-dir": { type: "string" } } as const;
    expect(() => parseOptions("my-server", { args: ["--prot", "1"], options })).toThrow(
      "Unknown option --prot. Did you mean --port? See my-server --help",
    );
    expect(() => parseOptions("my-server", { args: ["--qqqqqqqq"], options })).toThrow("Unknown option --qqqqqqqq. See my-server --help");
    expect(parseOptions("my-server", { args: ["--port", "1"], options }).values.port).toBe("1");
  });

  it.each<[string[], string]>([
    [["--port"], "--port needs a value: --port <value>, or --port=<value> if it begins with a dash; see my-server --help"],
    [["--port", "-1"], "--port needs a value: --port <value>, or --port=<value> if it begins with a dash; see my-server --help"],
    [["--port", "--quiet"], "--port needs a value: --port <value>, or --port=<value> if it begins with a dash; see my-server --help"],
    [["--quiet=yes"], '--quiet takes no value: leave out "=" and what follows it; see my-server --help'],
    [["4000"], 'Unexpected argument "4000": leave it out, or name its option before it; see my-server --help'],
    [["--port", "1", "--port=2"], "--port is given twice: give it once; see my-server --help"],
    [["--quiet", "--quiet"], "--quiet is given twice: give it once; see my-server --help"],
  ])("that are malformed are rejected in one sentence: %j", (args, message) => {
    const options = { port: { type: "string" }, quiet: { type: "boolean" }, peer: { type: "string", multiple: true } } as const;
    expect(() => parseOptions("my-server", { args, options })).toThrow(new TypeError(message));
    expect(parseOptions("my-server", { args: ["--peer", "a", "--peer", "b"], options }).values.peer).toEqual(["a", "b"]);
  });

  it("are distinguished from ids that begin with a dash", () => {
    const options = { "data-dir": { type: "string" } } as const;
    const parse = (...args: string[]) => parseOptions("my-server", { args, options, allowPositionals: true }, /^[\w-]{16}$/);
    for (const id of ["-W3456789abcdefg", "--3456789abcdefg", "-dry-run-3456789", "W-3456789abcdefg"]) {
      for (const args of [
        [id, "--data-dir", "x"],
        ["--data-dir", "x", id],
        ["--data-dir=x", "--", id],
      ]) {
        const { values, positionals } = parse(...args);
        expect({ values: { ...values }, positionals }).toEqual({ values: { "data-dir": "x" }, positionals: [id] });
      }
    }
    expect(() => parse("-W", "--data-dir", "x")).toThrow("Unknown option -W");
    expect(() => parse("--data-directory", "x")).toThrow("Unknown option --data-directory");
  });

  it("for ports accept numbers from 0 to 65535", () => {
    expect([readPortOption("--port", "0"), readPortOption("--port", "65535")]).toEqual([0, 65_535]);
    for (const text of ["", " ", "abc", "-1", "65536", "1.5"]) {
      expect(() => readPortOption("--port", text)).toThrow(`not ${JSON.stringify(text)}`);
    }
  });

  it("of a config file are rejected if unknown", async () => {
    const schema = options<{ port?: number; host?: string }>({ port: port().optional(), host: text().optional() });
    const check = (config: unknown): void => void readOptions(schema, config);
    const path = join(directory, "config.json");
    await expect(readConfigFile(path, check)).rejects.toThrow(`--config ${path}: no such file or directory`);
    await writeFile(path, " \n");
    await expect(readConfigFile(path, check)).rejects.toThrow(`--config ${path}: the file is empty: it needs a JSON object, such as {}`);
    for (const text of ["{", "port: 5", '{"key":"hunter2",}', '{"key":hunter2}', 'x"hunter2']) {
      await writeFile(path, text);
      await expect(readConfigFile(path, check)).rejects.toThrow(/^--config \S+: it is not valid JSON \([^")]*(?:"[:,}]")?[^"]*\)$/);
      await expect(readConfigFile(path, check)).rejects.not.toThrow("hunter2");
    }
    await writeFile(path, '\uFEFF{"port": 1}');
    await expect(readConfigFile(path, check)).resolves.toEqual({ port: 1 });
    await writeFile(path, "[]");
    await expect(readConfigFile(path, check)).rejects.toThrow("must be an object");
    await writeFile(path, '{"prt": 1}');
    await expect(readConfigFile(path, check)).rejects.toThrow(
      `--config ${path}: Unknown option "prt". Did you mean "port"? Valid options: port, host`,
    );
    await writeFile(path, '{"port": 1}');
    expect(await readConfigFile(path, check)).toEqual({ port: 1 });
  });
});

describe("ports", () => {
  it("that are in use are reported with the remedy", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    const { port } = server.address() as AddressInfo;
    const address = { host: "127.0.0.1", port, option: "--port" };
    const error: unknown = await probePort("127.0.0.1", port).then(
      () => undefined,
      (thrown: unknown) => listenError(thrown, address),
    );
    expect(error).toMatchObject({ code: "EADDRINUSE", message: expect.stringContaining(`port ${port} of 127.0.0.1 is in use: stop`) });
    await new Promise((resolve) => server.close(resolve));
    await expect(probePort("127.0.0.1", port)).resolves.toBeUndefined();
  });

  it.each(["EADDRNOTAVAIL", "ENOTFOUND", "EACCES", "EIO"])("keep the system's code: %s", (code) => {
    const cause = Object.assign(new Error("raw"), { code });
    const error = listenError(cause, { host: "example.com", port: 80, option: "port" });
    expect(error).toMatchObject({ code, cause, message: expect.stringContaining("example.com") });
  });
});

describe("formatLogLine", () => {
  it("prints time, level, message and members, and the stack of an error", () => {
    const err = { type: "Error", message: "full", stack: "Error: full\n    at here" };
    const line = JSON.stringify({ level: 40, time: 0, pid: 1, hostname: "h", name: "n", url: "ws://x", count: 2, err, msg: "careful" });
    expect(formatLogLine(line)).toMatch(/^\d\d:\d\d:\d\d WARN {2}careful url=ws:\/\/x count=2\n {4}Error: full\n {8}at here\n$/);
  });

  it("escapes control characters, and returns lines that are not JSON unchanged", () => {
    const line = JSON.stringify({ level: 30, time: 0, msg: "a\u001b[31mb", from: "x\ny\u009b" });
    expect(formatLogLine(line)).toContain("a\\u001b[31mb from=x\\u000ay\\u009b\n");
    expect(formatLogLine("plain\n")).toBe("plain\n");
  });
});

describe("an unknown command", () => {
  const commands = ["start", "keys create", "keys list", "accounts list"];

  it.each<[string[], string]>([
    [["strat"], 'Unknown command "strat". Did you mean "my-server start"? See my-server --help'],
    [["version"], 'Unknown command "version". Did you mean "my-server --version"? See my-server --help'],
    [["keys", "lst"], 'Unknown command "keys lst": my-server keys create, my-server keys list; see my-server --help'],
    [["keys"], '"keys" needs a subcommand: my-server keys create, my-server keys list; see my-server --help'],
    [["key", "list"], 'Unknown command "key list". Did you mean "my-server keys list"? See my-server --help'],
    [["qqqqqqqq"], 'Unknown command "qqqqqqqq"; see my-server --help'],
  ])("%j is rejected with a suggestion", (words, message) => {
    expect(unknownCommand("my-server", words, commands)).toEqual(new TypeError(message));
  });
});
