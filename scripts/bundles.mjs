// Bundles a program for each SDK with every bundler, and runs the bundles against servers. The packages are installed from their tarballs
// into an empty project, without optional packages such as @a2a-js/sdk. Run: npm run bundles (--quick: esbuild and Vite only)
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BUNDLERS } from "./lib/bundlers.mjs";
import { installedProject, removeInstalledProject } from "./lib/consumer.mjs";
import { PROGRESS, SKIPPED } from "./lib/steps.mjs";
import { pack } from "./lib/tarballs.mjs";
import { repository } from "./lib/workspace.mjs";

const CHECKED = join(repository, ".cache", "packages", "bundled.json");
const OFFLINE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;
const PROGRAM_TIMEOUT_MS = 120_000;
const QUICK = /^(esbuild|Vite)/;

const SERVERS = `
import { startNode } from "@parley/layr8-node";
import { startSkytale } from "@parley/skytale-server";
const node = await startNode({ port: 0, logger: false });
const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
const layr8 = { nodeUrl: node.url, apiKey: node.apiKey };
const skytale = { endpoint: server.relayUrl, apiUrl: server.apiUrl, apiKey: server.apiKey };
console.log(JSON.stringify({ layr8, skytale }));
process.stdin.resume().on("end", () => Promise.all([node.close(), server.close()]));
`;

/** Each prints "done" at its end. */
const PROGRAMS = {
  "layr8.mjs": `
import { Client, logErrors } from "layr8";
const config = JSON.parse(process.argv[2]).layr8;
const type = "https://layr8.io/protocols/echo/1.0/request";
const echo = new Client(config, logErrors());
echo.handle(type, (message) => ({ type: "https://layr8.io/protocols/echo/1.0/response", body: message.body }));
await echo.connect();
const me = new Client(config, logErrors());
await me.connect();
const answer = await me.request({ type, to: echo.did, body: { text: "hello" } });
if (answer.body.text !== "hello") throw new Error("Another answer");
await me.verifyCredential(await me.signCredential({ credentialSubject: { id: me.did } }));
await Promise.all([me.close(), echo.close()]);
console.log("done");
`,
  "skytale.mjs": `
import { SkytaleChannelManager } from "skytale";
const config = JSON.parse(process.argv[2]).skytale;
const channel = "acme/team/c" + process.pid;
const alice = new SkytaleChannelManager({ ...config, identity: "alice" });
const bob = new SkytaleChannelManager({ ...config, identity: "bob" });
await alice.create(channel);
await bob.joinWithToken(channel, await alice.invite(channel), { timeout: 60 });
await alice.send(channel, "hello");
if ((await bob.receive(channel, { timeout: 60 }))[0] !== "hello") throw new Error("Another message");
await Promise.all([alice.close(), bob.close()]);
console.log("done");
`,
};

/** Bundles and runs everything in a project that has the packages. Returns what is wrong. */
async function bundleAll(project, names) {
  const servers = spawn(process.execPath, ["servers.mjs"], { cwd: project, stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [addresses] = await once(servers.stdout.setEncoding("utf8"), "data");
    const problems = [];
    for (const name of names) {
      for (const program of Object.keys(PROGRAMS)) {
        console.log(`${PROGRESS}${name}, ${program}`);
        const problem = await bundleOne(project, name, program, addresses.trim());
        if (problem === undefined) console.log(`ok   ${name}: ${program}`);
        else problems.push(`FAIL ${name}: ${program}: ${problem}`);
      }
    }
    return problems;
  } finally {
    servers.stdin.end();
  }
}

async function bundleOne(project, name, program, addresses) {
  const folder = join(project, "bundles", `${name}-${program}`.replaceAll(/\W+/g, "-"));
  mkdirSync(folder, { recursive: true });
  try {
    const bundle = await BUNDLERS[name](project, program, folder);
    const options = { cwd: folder, encoding: "utf8", timeout: PROGRAM_TIMEOUT_MS };
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [bundle, addresses], options);
    return status === 0 && stdout.includes("done") ? undefined : `the bundle ended with ${status ?? signal}:\n${stdout}${stderr}`;
  } catch (error) {
    return `can't be bundled:\n${error.message}`;
  }
}

const names = Object.keys(BUNDLERS).filter((name) => !process.argv.includes("--quick") || QUICK.test(name));
const tarballs = pack((text) => console.log(`${PROGRESS}${text}`));
const inputs = [process.version, ...names, JSON.stringify(PROGRAMS), ...tarballs.map(({ path }) => basename(path))];
for (const file of ["pnpm-lock.yaml", "scripts/lib/bundlers.mjs"]) inputs.push(readFileSync(join(repository, file), "utf8"));
const key = createHash("sha256").update(inputs.join("\n")).digest("hex").slice(0, 16);

if (existsSync(CHECKED) && JSON.parse(readFileSync(CHECKED, "utf8")).includes(key)) {
  console.log(`${names.length * 2} bundles ran before with the same packages`);
} else {
  try {
    console.log(`${PROGRESS}installing into an empty project`);
    const project = installedProject(tarballs);
    for (const [name, code] of Object.entries({ "servers.mjs": SERVERS, ...PROGRAMS }))
      writeFileSync(join(project, name), code.trimStart());
    const problems = await bundleAll(project, names);
    for (const problem of problems) console.log(problem);
    console.log(`${names.length * 2 - problems.length} of ${names.length * 2} bundles run`);
    if (problems.length === 0) writeFileSync(CHECKED, JSON.stringify([key]));
    process.exitCode = problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!OFFLINE.test(error.message)) throw error;
    console.log(`${SKIPPED}bundles: npm can't reach its registry`);
  }
}
// The step that checks the packages leaves it, too.
removeInstalledProject();
