/**
 * Stores what an agent that holds its keys itself must not lose: private keys, the keys of other agents, and ids of received messages. Texts by name;
 * names have letters, digits, `.`, `_` and `-` only.
 */
export interface KeyStore {
  /** Resolves to `undefined` for an unknown name. */
  read(name: string): Promise<string | undefined>;
  /** Replaces a text. Resolves when it is durable; a crash leaves the former one. */
  write(name: string, text: string): Promise<void>;
  /** Appends to a text, creating it if necessary. A crash may leave a part of what is appended. */
  append(name: string, text: string): Promise<void>;
  /** As `write`, but leaves a text that exists as it is, and then resolves to `false`. A store that several processes can reach needs it: new keys then replace none. */
  create?(name: string, text: string): Promise<boolean>;
}
