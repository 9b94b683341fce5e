import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { NODE_PROGRAM } from "../packages/layr8-node/src/cli/start.ts";
import { NODE_OPTIONS } from "../packages/layr8-node/src/options.ts";
import { readNatsOptions, readOptions, runServer } from "../packages/server-kit/src/index.ts";
import { SKYTALE_PROGRAM } from "../packages/skytale-server/src/cli/start.ts";
import { SKYTALE_OPTIONS } from "../packages/skytale-server/src/options.ts";
import { repository } from "./lib/workspace.mjs";

const FOLDER = join(repository, "docs", "deploy", "cluster");
/** Made by the operator. */
const SECRETS = ["./site.pem"];
const KEY = Buffer.alloc(32, 1).toString("base64");
const SERVERS = {
  "layr8-node": { program: NODE_PROGRAM, schema: NODE_OPTIONS, variable: "LAYR8_NODE_KEY", secret: "nodeKey" },
  "skytale-server": { program: SKYTALE_PROGRAM, schema: SKYTALE_OPTIONS, variable: "SKYTALE_SERVER_KEY", secret: "serverKey" },
};

const { services } = parse(readFileSync(join(FOLDER, "compose.yaml"), "utf8"), { merge: true });
const proxy = readFileSync(join(FOLDER, "haproxy.cfg"), "utf8");

/** The options with which a service starts, as its command reads them. */
async function optionsOf({ command: [path, ...args], environment, volumes }) {
  const { program, schema, variable, secret } = SERVERS[path.split("/").at(-1)];
  const files = new Map(volumes.map((volume) => volume.split(":").slice(0, 2).toReversed()));
  const given = args.map((argument) => (files.has(argument) ? join(FOLDER, files.get(argument)) : argument));
  expect(Object.keys(environment)).toEqual([variable]);
  let options;
  const start = (read) => {
    options = readOptions(schema, read);
    throw new Error("read");
  };
  await expect(runServer({ ...program, start }, given, { [variable]: KEY })).rejects.toThrow("read");
  const secretKey = { given: options[secret], option: secret, variable };
  return { ...options, ...readNatsOptions(options, { prefix: "x", secretKey }) };
}

const servers = Object.entries(services).filter(([, { command }]) => command?.[0].startsWith("/app/"));

describe("the compose file of a cluster", () => {
  it("has three NATS servers, three nodes, two skytale servers and a load balancer", () => {
    const kinds = ["n", "n", "n", "node", "node", "node", "relay", "relay", "lb"];
    expect(Object.keys(services).map((name) => name.replace(/\d|-\w$/, ""))).toEqual(kinds);
    expect(servers).toHaveLength(5);
  });

  it("mounts files that exist", () => {
    const files = Object.values(services).flatMap(({ volumes }) => volumes.map((volume) => volume.split(":")[0]));
    const missing = files.filter((file) => file.startsWith("./") && !existsSync(join(FOLDER, file)));
    expect([...new Set(missing)]).toEqual(SECRETS);
  });

  it.each(servers)("starts %s with options that it accepts", async (name, service) => {
    const options = await optionsOf(service);
    expect(options).toMatchObject({ nodeName: name, host: "0.0.0.0", replicas: 3 });
    expect(options.servers).toEqual(["n1", "n2", "n3"].map((server) => `nats://${server}:4222`));
    expect(options.trustProxy).toEqual([services.lb.networks.inside.ipv4_address]);
    for (const [, port] of proxy.matchAll(new RegExp(`server ${name} ${name}:(\\d+)`, "g")))
      expect([options.port, options.relayPort]).toContain(Number(port));
    expect(proxy).toContain(`default-server check port ${options.metricsPort} `);
  });

  it("sends connections to all of them", () => {
    const balanced = new Set(Array.from(proxy.matchAll(/^ {2}server (\S+)/gm), ([, name]) => name));
    expect([...balanced].toSorted()).toEqual(servers.map(([name]) => name).toSorted());
  });

  it.each(["n1", "n2", "n3"])("starts %s with its own name and the others' routes", (name) => {
    expect(services[name].command).toEqual(["-c", "/nats.conf", "--name", name]);
    expect(services[name].volumes).toContain(`${name}:/data`);
    expect(readFileSync(join(FOLDER, "nats.conf"), "utf8")).toContain(`nats://${name}:6222`);
  });
});
