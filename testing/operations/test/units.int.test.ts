import { fileURLToPath } from "node:url";
import { describeUnless } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { Systemd } from "../src/systemd.ts";

const UNITS = fileURLToPath(new URL("../../../docs/deploy/systemd", import.meta.url));
const SERVERS = ["layr8-node", "skytale-server"] as const;
const HEALTH = { "layr8-node": "http://127.0.0.1:4100/health", "skytale-server": "http://127.0.0.1:5101/health" };
/** `fetch` of a URL: the response's text. */
const FETCH = "fetch(process.argv[1]).then((response) => response.text()).then((text) => process.stdout.write(text))";

const missing = await Systemd.whyNot();

describeUnless(missing, "units in a real systemd", () => {
  it("start both servers without rights, restart them after a crash, and stop them cleanly", async () => {
    const systemd = await Systemd.start(UNITS, SERVERS);
    onTestFinished(() => systemd[Symbol.asyncDispose]());
    const health = async (server: (typeof SERVERS)[number]): Promise<string> =>
      (await systemd.call("/usr/bin/node", "--eval", FETCH, HEALTH[server])).output;
    const poll = { interval: 200 };
    for (const server of SERVERS) {
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
    }
  });
});
