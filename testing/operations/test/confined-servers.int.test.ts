import { chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canMountSmallDisk, describeUnless, readExposition, smallDisk, temporaryDirectory } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { type Confined, startConfined, whyNotConfined } from "../src/confined.ts";
import { imageOf, readDockerfile } from "../src/dockerfile.ts";
import { execStart, readUnit } from "../src/unit-file.ts";

const read = (path: string): string => readFileSync(new URL(`../../../docs/deploy/${path}`, import.meta.url), "utf8");
const SERVERS = ["layr8-node", "skytale-server"] as const;
const METRICS = { "layr8-node": "http://127.0.0.1:4100", "skytale-server": "http://127.0.0.1:5101" };
const DAY_MS = 86_400_000;

const missing = await whyNotConfined();

/** How a server is started, by whom, and what asks for its health. */
interface Start {
  readonly server: (typeof SERVERS)[number];
  readonly from: string;
  readonly command: readonly string[];
  readonly appAt: string;
  readonly dataAt: string;
  readonly healthcheck: readonly string[];
}

const STARTS: readonly Start[] = SERVERS.flatMap((server): Start[] => {
  const { entrypoint, command, healthcheck } = imageOf(readDockerfile(read(`single/${server}.Dockerfile`)));
  const unit = execStart(readUnit(read(`systemd/${server}.service`)));
  return [
    { server, from: "its Dockerfile", command: [...entrypoint, ...command], appAt: "/app", dataAt: "/data", healthcheck },
    // The unit names Debian's Node, which may be another version than the one that runs this test.
    { server, from: "its unit", command: ["node", ...unit.slice(1)], appAt: "/opt/parley", dataAt: `/var/lib/${server}`, healthcheck },
  ];
});

async function start({ command, appAt, dataAt }: Start, data: string, before: readonly string[] = []): Promise<Confined> {
  chownSync(data, 1000, 1000);
  const confined = await startConfined(command, { appAt, dataAt, data, before });
  onTestFinished(() => confined[Symbol.asyncDispose]());
  return confined;
}

async function healthy(confined: Confined, { healthcheck }: Start): Promise<void> {
  await expect.poll(() => confined.execute(healthcheck), { interval: 200 }).toBe(0);
}

describeUnless(missing, "a server under the restrictions of containers and units", () => {
  it.each(STARTS)("$server runs with the command line of $from: not as root, as process 1, on a read-only root", async (options) => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const first = await start(options, directory.path);
    await healthy(first, options);
    expect((await first.status("NSpid")).split(/\s+/).at(-1)).toBe("1");
    expect(await first.status("Uid")).toBe("1000\t1000\t1000\t1000");
    expect(await first.status("CapEff")).toBe("0000000000000000");
    expect(await first.status("NoNewPrivs")).toBe("1");
    for (const folder of ["/", options.appAt, "/repository", "/etc", "/usr"])
      expect(await first.execute(["touch", join(folder, "x")])).not.toBe(0);
    expect(await first.execute(["touch", join(options.dataAt, "x")])).toBe(0);
    expect(first.output()).toMatch(/_API_KEY=\S+/);

    expect(await first.terminate()).toBe(0);
    const second = await start(options, directory.path);
    await healthy(second, options);
    // It has its data: no other key is created.
    expect(second.output()).not.toMatch(/_API_KEY=\S+/);
    expect(await second.terminate()).toBe(0);
  });

  it.each(STARTS.filter(({ from }) => from === "its Dockerfile"))(
    "$server reports a full disk as unhealthy until there is room",
    async (options) => {
      if (!(await canMountSmallDisk(`${options.server} on a full disk`))) return;
      const disk = await smallDisk(16 * 1024 * 1024);
      onTestFinished(() => disk.remove());
      const confined = await start(options, disk.path);
      await healthy(confined, options);
      await disk.fill();
      const health = (): Promise<string> => confined.fetchText(`${METRICS[options.server]}/health`);
      await expect.poll(health, { interval: 200 }).toContain("failing");
      expect(await health()).toMatch(/ENOSPC|space/i);
      expect(await confined.execute(options.healthcheck)).not.toBe(0);
      await disk.drain();
      await healthy(confined, options);
      expect(await confined.terminate()).toBe(0);
    },
  );

  const library = readdirSync("/usr/lib")
    .map((folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`)
    .find(existsSync);
  if (library === undefined) process.stderr.write("SKIPPED: servers with a wrong clock, which need Debian's libfaketime\n");
  it.skipIf(library === undefined).each(STARTS.filter(({ from }) => from === "its Dockerfile"))(
    "$server keeps the old time when the clock is 40 days ahead",
    async (options) => {
      const directory = await temporaryDirectory();
      onTestFinished(() => directory.remove());
      const before = await start(options, directory.path);
      await healthy(before, options);
      expect(await before.terminate()).toBe(0);
      const ahead = await start(options, directory.path, [
        "env",
        `LD_PRELOAD=${library}`,
        "FAKETIME=+40d",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
      ]);
      await healthy(ahead, options);
      const samples = readExposition(await ahead.fetchText(`${METRICS[options.server]}/metrics`));
      const heldBack = samples.find(({ name }) => name.endsWith("_clock_held_back_ms"))?.value ?? 0;
      expect(heldBack).toBeGreaterThan(39 * DAY_MS);
      await ahead[Symbol.asyncDispose]();
    },
  );

  it("knows when it could write to its root", async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    await writeFile(join(directory.path, "readable"), "");
    const [options] = STARTS;
    if (options === undefined) throw new Error("no server");
    const sleeping = await start({ ...options, command: ["sleep", "1000"] }, directory.path);
    await expect.poll(() => sleeping.execute(["test", "-e", join(options.dataAt, "readable")]), { interval: 100 }).toBe(0);
    expect(await sleeping.execute(["touch", "/tmp/x"])).toBe(0);
    expect(await sleeping.execute(["touch", "/x"])).not.toBe(0);
  });
});
