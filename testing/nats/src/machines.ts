import { spawnSync } from "node:child_process";

/** A machine in the network of {@link Machines}. */
export interface Machine {
  /** Its address. */
  readonly host: string;
  /** A command that runs another one on it. */
  readonly enter: readonly [string, ...string[]];
}

/** Addresses of these networks are for tests of devices (RFC 2544). */
const NETWORK = "198.18";

/**
 * Machines with an address each, which can be separated from each other: network namespaces of Linux with a bridge between them. This machine
 * reaches all of them. Check {@link missingMachines} first.
 */
export class Machines implements Disposable {
  readonly list: readonly Machine[];
  readonly #names: readonly string[];
  readonly #bridge: string;

  private constructor(id: number, count: number) {
    this.#bridge = `pt${id}`;
    this.#names = Array.from({ length: count }, (_, index) => `parley-test-${id}-${index}`);
    this.list = this.#names.map((name, index) => ({ host: hostOf(id, index + 2), enter: ["ip", "netns", "exec", name] }));
  }

  /** @throws Error if it is not permitted. */
  static open(count: number): Machines {
    const id = process.pid % 65_536;
    const machines = new Machines(id, count);
    try {
      ip("link", "add", machines.#bridge, "type", "bridge");
      ip("addr", "add", `${hostOf(id, 1)}/28`, "dev", machines.#bridge);
      ip("link", "set", machines.#bridge, "up");
      for (const [index, name] of machines.#names.entries()) machines.#add(index, name);
      return machines;
    } catch (error) {
      machines[Symbol.dispose]();
      throw error;
    }
  }

  /** Drops all packets between a machine and the others, in both directions. Connections stay open. This machine still reaches it. */
  separate(index: number): void {
    this.#routes("add", index);
  }

  /** Ends the effect of {@link separate}. */
  unite(index: number): void {
    this.#routes("del", index);
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) spawnSync("ip", ["netns", "del", name]);
    spawnSync("ip", ["link", "del", this.#bridge]);
  }

  #add(index: number, name: string): void {
    const port = `${this.#bridge}p${index}`;
    ip("netns", "add", name);
    ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", port, "master", this.#bridge, "up");
    ip("-n", name, "addr", "add", `${this.list[index]?.host}/28`, "dev", "eth0");
    for (const device of ["lo", "eth0"]) ip("-n", name, "link", "set", device, "up");
  }

  #routes(action: "add" | "del", index: number): void {
    const host = `${this.list[index]?.host}/32`;
    for (const [other, name] of this.#names.entries()) {
      if (other === index) continue;
      ip("-n", name, "route", action, "blackhole", host);
      ip("-n", this.#names[index] ?? "", "route", action, "blackhole", `${this.list[other]?.host}/32`);
    }
  }
}

/** Why tests with {@link Machines} can't run: for `describeUnless`. `undefined` if they can. */
export function missingMachines(): string | undefined {
  const name = `parley-test-probe-${process.pid}`;
  const { status, error, stderr } = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (status !== 0) return `no network namespaces, which need Linux, iproute2 and root: ${error?.message ?? stderr.trim()}`;
  spawnSync("ip", ["netns", "del", name]);
  return undefined;
}

function hostOf(id: number, host: number): string {
  const offset = (id % 8192) * 16 + host;
  return `${NETWORK}.${(offset >> 8) & 255}.${offset & 255}`;
}

function ip(...args: readonly string[]): void {
  const { status, error, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}
