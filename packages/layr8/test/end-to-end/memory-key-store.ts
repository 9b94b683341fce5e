import type { KeyStore } from "../../src/index.ts";

/** A key store in memory. */
export class MemoryKeyStore implements KeyStore {
  readonly texts = new Map<string, string>();
  writes = 0;
  /** Characters that the next append still writes before it fails, as on a full disk. */
  room: number | undefined;

  read(name: string): Promise<string | undefined> {
    return Promise.resolve(this.texts.get(name));
  }

  write(name: string, text: string): Promise<void> {
    this.writes += 1;
    this.texts.set(name, text);
    return Promise.resolve();
  }

  append(name: string, text: string): Promise<void> {
    const { room } = this;
    this.room = undefined;
    this.texts.set(name, (this.texts.get(name) ?? "") + text.slice(0, room));
    return room === undefined ? Promise.resolve() : Promise.reject(new Error("disk full"));
  }
}
