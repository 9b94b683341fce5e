import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describeUnless } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { type Machine, Machines, missingMachines } from "../src/index.ts";

const PORT = 4000;

/** Runs a program on a machine, with `net` and the address of a server. */
const program = (code: string, host: string): readonly string[] => [
  process.execPath,
  "-e",
  `const net = require("node:net"); const address = { host: "${host}", port: ${PORT} }; ${code}`,
];

describeUnless(missingMachines(), "machines of a test", () => {
  it("reach each other except while they are separated, and are always reached from here", async () => {
    using machines = Machines.open(3);
    const [server, client, other] = machines.list as readonly [Machine, Machine, Machine];
    const [command, ...args] = [
      ...server.enter,
      ...program(`net.createServer((socket) => socket.end()).listen(address, () => console.log("listening"))`, server.host),
    ];
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const connects = (enter: readonly string[]): boolean => {
      const [connect, ...rest] = [
        ...enter,
        ...program(`net.connect(address, () => process.exit(0)).on("error", () => process.exit(1))`, server.host),
      ];
      return spawnSync(connect as string, rest).status === 0;
    };
    expect([client, other].map(({ enter }) => connects(enter))).toEqual([true, true]);
    machines.separate(0);
    expect([client, other].map(({ enter }) => connects(enter))).toEqual([false, false]);
    expect(connects([])).toBe(true);
    machines.unite(0);
    machines.separate(1);
    expect([client, other].map(({ enter }) => connects(enter))).toEqual([false, true]);
  });
});
