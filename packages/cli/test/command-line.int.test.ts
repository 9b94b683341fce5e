import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

describe("the command line of parley", () => {
  it("prints help and version to standard output, and its help to standard error where the command is missing", async () => {
    expect(await place.run(["--help"])).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("Commands:") as string });
    const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await place.run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    expect(await place.run([])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Commands:") as string });
  });

  it("prints the help of a command with `help`, too", async () => {
    for (const words of [[], ["dev"], ["keys", "create"]])
      expect(await place.run(["help", ...words])).toEqual(await place.run([...words, "--help"]));
  });

  it.each([
    [["dve"], "unknown command 'dve'", "Did you mean dev? See `parley --help`"],
    [["dve", "--help"], "unknown command 'dve'", "Did you mean dev? See `parley --help`"],
    [["help", "dve"], "unknown command 'dve'", "Did you mean dev? See `parley --help`"],
    [["dead-letters", "replay", "1", "abc"], "command-argument value 'abc' is invalid", "See `parley dead-letters replay --help`"],
    [["inbox", "purge", "did:web:a.example", "0"], "command-argument value '0' is invalid", "See `parley inbox purge --help`"],
    [["dev", "--prot", "1"], "unknown option '--prot'", "See `parley dev --help`"],
    [["dev", "--node-port", "x"], "option '--node-port <port>' argument 'x' is invalid", "See `parley dev --help`"],
    [["dev", "more"], "too many arguments for 'dev'", "See `parley dev --help`"],
    [["run"], "missing required argument 'command'", "See `parley run --help`"],
    [["channels", "audit", "a/b/c", "x.jsonl", "--audit"], "unknown option '--audit'", "See `parley channels audit --help`"],
    [["keys", "lst"], "unknown command 'lst'", "Did you mean list? See `parley keys --help`"],
    [["channels", "tail", "general"], "invalid channel name: general", "give org/namespace/service, such as acme/team/general"],
  ])("answers %j with cause, remedy and exit code 2", async (args, cause, remedy) => {
    const { code, stdout, stderr } = await place.run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`parley: ${cause}`);
    expect(stderr).toContain(`  remedy: ${remedy}\n  code: usage\n`);
    const { stderr: json } = await place.run([...args, "--json"]);
    const parsed = OUTPUT_SCHEMAS["error"]?.safeParse(JSON.parse(json));
    expect(parsed).toMatchObject({ success: true, data: { error: { exit: 2 } } });
  });

  it.each([
    [["backup", "copy", "--data-dir", "data", "--timeout", "1s"], "--timeout", "with --data-dir no server is asked"],
    [["backup", "copy", "--data-dir", "data", "--context", "none"], "--context", "with --data-dir no server is asked"],
    [["credentials", "verify", "e30", "--local", "--as", "did:web:a.example"], "--as", "with --local no node is asked"],
    [["dev", "--free-ports", "--relay-port", "1"], "--relay-port", "--free-ports takes free ports for all"],
    [["dev", "--no-admin", "--admin-port", "1"], "--admin-port", "--no-admin leaves the console out"],
    [["dev", "--no-admin", "--open"], "--open", "--no-admin leaves the console out"],
    [["dev", "--second-port", "1"], "--second-port", "only --two-nodes starts a second node"],
    [["did", "resolve", "did:key:z6Mk", "--timeout", "1s"], "--timeout", "the document of a did:key is computed from the DID"],
    [["did", "resolve", "did:web:a.example", "--context", "none"], "--context", "only documents of DIDs below localhost"],
    [["keys", "create", "--any", "--test"], "--test", "it is for keys of a skytale server"],
    [["keys", "create", "--any", "--did", "did:web:a.example"], "--did", "with --any the key may bind any DID"],
    [["keys", "create", "--server", "skytale", "--account", "a", "--any"], "--any", "it is for keys of a node"],
    [["listen", "https://example.org/a/1.0/b", "--reply-type", "x"], "--reply-type", "no message is answered without --reply"],
  ])("rejects an option of %j that has no effect: %s", async (args, option, why) => {
    const { code, stdout, stderr } = await place.run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`parley: ${option} has no effect: ${why}`);
  });
});
