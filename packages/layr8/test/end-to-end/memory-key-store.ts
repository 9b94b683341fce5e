import type { KeyStore } from "../../src/index.ts";

/** A key store in memory. */
export class MemoryKeyStore implements KeyStore {
  readonly texts = new Map<string, string>();
  writes = 0;

  read(name: string): Promise<string | undefined> {
    return Promise.resolve(this.texts.get(name));
  }

  write(name: string, text: string): Promise<void> {
    this.writes += 1;
    this.texts.set(name, text);
    return Promise.resolve();
  }

  append(name: string, text: string): Promise<void> {
    this.texts.set(name, (this.texts.get(name) ?? "") + text);
    return Promise.resolve();
  }
}
