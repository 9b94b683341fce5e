import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { dockerfileProblems, imageOf, readDockerfile } from "../src/dockerfile.ts";
import { execStart, readUnit } from "../src/unit-file.ts";

const pathOf = (path: string): string => fileURLToPath(new URL(`../../../docs/deploy/${path}`, import.meta.url));
const read = (path: string): string => readFileSync(pathOf(path), "utf8");
const SERVERS = ["layr8-node", "skytale-server"] as const;

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly build: { readonly dockerfile: string };
  readonly command: readonly string[];
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
}

interface Network {
  readonly ipam: { readonly config: readonly { readonly subnet: string; readonly gateway: string }[] };
}

const { services, networks } = parse(read("single/compose.yaml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, Network>>;
};

/** Flags of a command line that the help of the command does not have. */
function unknownFlags(server: string, words: readonly string[]): readonly string[] {
  const bin = fileURLToPath(new URL(`../../../packages/${server}/bin/${server}.js`, import.meta.url));
  const help = execFileSync(process.execPath, [bin, "--help"], { encoding: "utf8" });
  const known = new Set(Array.from(help.matchAll(/^ {2}(--[\w-]+)/gm), ([, flag]) => flag));
  return words.filter((word) => word.startsWith("--") && !known.has(word));
}

describe.each(SERVERS)("the Dockerfile of %s", (server) => {
  const instructions = readDockerfile(read(`single/${server}.Dockerfile`));
  const image = imageOf(instructions);

  it("breaks no rule", () => {
    expect(dockerfileProblems(instructions)).toEqual([]);
  });

  it("starts the server with flags that it has, and asks the port that it has for its health", () => {
    expect(image.entrypoint).toEqual(["node", `/app/node_modules/@parley/${server}/bin/${server}.js`]);
    expect(unknownFlags(server, image.command)).toEqual([]);
    const port = image.command[image.command.indexOf("--metrics-port") + 1];
    expect(image.healthcheck.join(" ")).toContain(`http://127.0.0.1:${port}/health`);
    const exposed = instructions.find(({ name }) => name === "EXPOSE")?.text.split(" ");
    expect(exposed).toEqual(server === "layr8-node" ? ["4000", "4100"] : ["5000", "5100", "5101"]);
  });
});

describe("rules of Dockerfiles", () => {
  it.each([
    ["FROM node:22-slim\nUSER root", /^USER root/],
    ["FROM node:22-slim\nUSER 0:0", /^USER 0:0/],
    ["FROM node\nUSER 1000:1000", /^FROM node has no tag/],
    ["FROM node:latest\nUSER 1000:1000", /another image tomorrow/],
    ["FROM node:22\nUSER 1000:1000\nENV API_KEY=x", /a secret would be in the image/],
    ["FROM node:22\nUSER 1000:1000\nADD . /app", /^ADD is not used/],
    ["FROM node:22\nUSER 1000:1000\nCOPY --from=build /app /app", /unknown stage/],
    ["FROM node:22\nUSER 1000:1000\nRUN npm install", /not repeatable/],
  ])("find the fault of %j", (text, problem) => {
    expect(dockerfileProblems(readDockerfile(text)).filter((found) => problem.test(found))).toHaveLength(1);
  });

  it("reject commands that a shell would run", () => {
    expect(() => imageOf(readDockerfile('FROM node:22\nCMD "node app.js"'))).toThrow(/not a list of words/);
  });
});

describe("the compose file of single servers", () => {
  it("has both servers, from the Dockerfiles", () => {
    expect(Object.entries(services).map(([name, { build }]) => [name, build.dockerfile])).toEqual(
      SERVERS.map((name) => [name, `${name}.Dockerfile`]),
    );
  });

  it.each(SERVERS)("confines %s, and publishes its ports on this machine only", (server) => {
    const service = services[server];
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      volumes: [`${server}:/data`],
    });
    expect(service?.tmpfs).toHaveLength(1);
    for (const port of service?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  it.each(SERVERS)("has %s trust the proxy on this machine, and no other container", (server) => {
    const [config] = networks["default"]?.ipam.config ?? [];
    const command = services[server]?.command ?? [];
    expect(command[command.indexOf("--trust-proxy") + 1]).toBe(config?.gateway);
    expect(config?.subnet).toBe(config?.gateway.replace(/\d+$/, "0/24"));
  });

  it.each(SERVERS)("starts %s as its Dockerfile does, with more flags", (server) => {
    const { command } = imageOf(readDockerfile(read(`single/${server}.Dockerfile`)));
    expect(services[server]?.command.slice(0, command.length)).toEqual(command);
    expect(unknownFlags(server, services[server]?.command ?? [])).toEqual([]);
  });
});

describe.each(SERVERS)("the unit of %s", (server) => {
  const unit = readUnit(read(`systemd/${server}.service`));

  it("starts the server with flags that it has, as a user of its own, with a directory of its own", () => {
    const [node, bin, ...args] = execStart(unit);
    expect([node, bin]).toEqual(["/usr/bin/node", `/opt/parley/node_modules/@parley/${server}/bin/${server}.js`]);
    expect(unknownFlags(server, args)).toEqual([]);
    expect(args[args.indexOf("--data-dir") + 1]).toBe(`/var/lib/${server}`);
    expect(unit.get("Service.User")).toEqual([server]);
    expect(unit.get("Service.StateDirectory")).toEqual([server]);
    expect(unit.get("Service.StateDirectoryMode")).toEqual(["0700"]);
  });

  const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
  if (!analyze) process.stderr.write("SKIPPED: systemd's own check of units, which needs systemd-analyze\n");
  it.skipIf(!analyze)("is valid for systemd, which finds little exposed", () => {
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", pathOf(`systemd/${server}.service`)], { encoding: "utf8" });
    expect(verified.stderr.split("\n").filter((line) => line.includes(`${server}.service`) && !line.includes("is not executable"))).toEqual(
      [],
    );
    const secured = spawnSync("systemd-analyze", ["security", "--offline=true", "--threshold=20", pathOf(`systemd/${server}.service`)], {
      encoding: "utf8",
    });
    expect([secured.status, secured.stdout.slice(-200)]).toMatchObject([0, expect.stringContaining("exposure level")]);
  });
});
