import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeUnless } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { Systemd } from "../src/systemd.ts";
import { preparation } from "../src/unit-file.ts";

const UNITS = fileURLToPath(new URL("../../../docs/deploy/systemd", import.meta.url));
const SERVERS = ["layr8-node", "skytale-server"] as const;
const HEALTH = { "layr8-node": "http://127.0.0.1:4100/health", "skytale-server": "http://127.0.0.1:5101/health" };
/** `fetch` of a URL: the response's text. */
const FETCH = "fetch(process.argv[1]).then((response) => response.text()).then((text) => process.stdout.write(text))";

/** What operators add to the file of a service's environment, and the command that lists what the first key belongs to. */
const SERVICES = {
  "layr8-node": { variables: "LAYR8_NODE_ARGS=--domain acme.example --trust-proxy", secret: "LAYR8_NODE_KEY", list: "keys list" },
  "skytale-server": { variables: "SKYTALE_SERVER_ARGS=--trust-proxy 127.0.0.1", secret: "SKYTALE_SERVER_KEY", list: "accounts list" },
};

/** Prepares a service as its unit says, with a key of its own in the environment. Returns what the last command printed. */
async function prepare(systemd: Systemd, server: (typeof SERVERS)[number]): Promise<string> {
  const { variables, secret } = SERVICES[server];
  const [pack, ...commands] = preparation(readFileSync(join(UNITS, `${server}.service`), "utf8"));
  // The packages are there.
  expect(pack).toBe("npm run pack -- /opt/parley");
  const lines = `${secret}=${Buffer.alloc(32, 1).toString("base64")}\n${variables}\n`;
  const firstKey = commands.pop() ?? "";
  for (const command of [...commands, `printf '${lines}' >> /etc/${server}.env`])
    expect([command, (await systemd.call("sh", "-c", command)).code]).toEqual([command, 0]);
  const { code, output } = await systemd.call("sh", "-c", firstKey);
  expect([firstKey, code]).toEqual([firstKey, 0]);
  expect((await systemd.call("systemctl", "start", server)).code).toBe(0);
  return output;
}

const missing = await Systemd.whyNot();

describeUnless(missing, "units in a real systemd", () => {
  it("start both servers, prepared as they say, without rights, restart them after a crash, and stop them cleanly", async () => {
    const systemd = await Systemd.start(UNITS, SERVERS);
    onTestFinished(() => systemd[Symbol.asyncDispose]());
    const health = async (server: (typeof SERVERS)[number]): Promise<string> =>
      (await systemd.call("/usr/bin/node", "--eval", FETCH, HEALTH[server])).output;
    const poll = { interval: 200 };
    await expect.poll(async () => (await systemd.call("systemctl", "is-system-running")).output, poll).toBe("running");
    for (const server of SERVERS) {
      expect(await prepare(systemd, server)).toMatch(/^key \S+$/m);
      await expect.poll(() => health(server), poll).toBe('{"status":"ok"}');
      expect(await systemd.show(server, "ActiveState")).toBe("active");
      expect(await systemd.status(server, "CapEff")).toBe("0000000000000000");
      expect(await systemd.status(server, "CapBnd")).toBe("0000000000000000");
      expect(await systemd.status(server, "NoNewPrivs")).toBe("1");
      // 2: system calls are filtered.
      expect(await systemd.status(server, "Seccomp")).toBe("2");
      expect((await systemd.status(server, "Uid")).split("\t")).not.toContain("0");
      expect((await systemd.call("stat", "--format=%a %U", `/var/lib/${server}`)).output).toBe(`700 ${server}`);
    }
    expect(await systemd.show("layr8-node", "LimitNOFILE")).toBe("65536");

    // SIGHUP, which ends programs that do not handle it.
    const running = await systemd.show("layr8-node", "MainPID");
    expect((await systemd.call("systemctl", "reload", "layr8-node")).code).toBe(0);
    expect(await health("layr8-node")).toBe('{"status":"ok"}');
    expect(await systemd.show("layr8-node", "MainPID")).toBe(running);

    for (const server of SERVERS) {
      const pid = await systemd.show(server, "MainPID");
      await systemd.call("kill", "-KILL", pid);
      await expect.poll(() => systemd.show(server, "NRestarts"), poll).toBe("1");
      await expect.poll(() => health(server), poll).toBe('{"status":"ok"}');
      expect(await systemd.show(server, "MainPID")).not.toBe(pid);
    }
    for (const server of SERVERS) {
      expect((await systemd.call("systemctl", "stop", server)).code).toBe(0);
      expect([await systemd.show(server, "ActiveState"), await systemd.show(server, "Result")]).toEqual(["inactive", "success"]);
      // The first start has made no key that may do everything, nor a file for another secret than the given.
      const { list } = SERVICES[server];
      const command = (preparation(readFileSync(join(UNITS, `${server}.service`), "utf8")).at(-1) ?? "").replace(
        /\.js .*$/,
        `.js ${list} --data-dir /var/lib/${server}`,
      );
      expect((await systemd.call("sh", "-c", command)).output.split("\n")).toEqual([expect.stringMatching(/acme\.example/)]);
      expect((await systemd.call("sh", "-c", `ls /var/lib/${server}`)).output).not.toMatch(/\.key$/m);
    }
  });
});
