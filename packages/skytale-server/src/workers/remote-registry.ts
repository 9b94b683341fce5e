import type { Registry, RegistryChange, RegistryEntry, RegistryListOptions } from "../registry/registry.ts";
import type { ProcessCalls } from "./calls.ts";

/** A registry as the process that owns it offers it to another. */
export type RegistryMethods = {
  readonly registryGet: Registry["get"];
  readonly registryList: Registry["list"];
  readonly registryCommit: Registry["commit"];
};

/** Concurrent calls to the owner; further ones wait here, so that the owner's own work never waits for many of them. */
const MAX_OPEN_READS = 32;
const MAX_OPEN_COMMITS = 128;

/** Offers a registry to another process. */
export function offerRegistry(registry: Registry): RegistryMethods {
  return {
    registryGet: (key) => registry.get(key),
    registryList: (prefix, options) => registry.list(prefix, options),
    registryCommit: (changes) => registry.commit(changes),
  };
}

/** The registry of another process. */
export class RemoteRegistry implements Registry {
  readonly #calls: ProcessCalls<RegistryMethods>;
  readonly #reads = new OpenCallLimit(MAX_OPEN_READS);
  readonly #commits = new OpenCallLimit(MAX_OPEN_COMMITS);

  constructor(calls: ProcessCalls<RegistryMethods>) {
    this.#calls = calls;
  }

  get(key: string): Promise<RegistryEntry | undefined> {
    return this.#reads.run(() => this.#calls.call("registryGet", key));
  }

  list(prefix: string, options: RegistryListOptions): Promise<readonly RegistryEntry[]> {
    return this.#reads.run(() => this.#calls.call("registryList", prefix, options));
  }

  commit(changes: readonly RegistryChange[]): Promise<void> {
    return this.#commits.run(() => this.#calls.call("registryCommit", changes));
  }
}

/** Limits the number of open calls. Further calls wait in order. */
class OpenCallLimit {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #open = 0;

  constructor(max: number) {
    this.#max = max;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#open < this.#max) this.#open++;
    // A call that ends leaves its place to the next one.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }
}
