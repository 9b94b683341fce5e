import type { AdminEvent } from "./admin-event.ts";

/** Parameters of a read, from the query of its URL. */
export type AdminParameters = Readonly<Record<string, string | undefined>>;

/** Answers one question about a server. The result is sent as JSON, so it must have no keys, tokens and private keys. */
export type AdminRead = (parameters: AdminParameters) => unknown;

/**
 * Changes something in a server. The result is sent as JSON, and parameters and errors are logged, so none of them may have a key or token.
 *
 * @throws Error whose message is shown
 */
export type AdminAction = (parameters: AdminParameters) => unknown;

/** Numbers of one moment. Names ending with `Total` only grow: the console shows their rate. */
export type AdminSample = Readonly<Record<string, number>>;

/** A server that is shown in an admin console. */
export interface AdminSource {
  /** Its name in paths, such as `node`. */
  readonly name: string;
  /** Its name for people. */
  readonly title: string;
  readonly reads: Readonly<Record<string, AdminRead>>;
  readonly actions: Readonly<Record<string, AdminAction>>;
  /** Called once a second. */
  readonly sample?: () => AdminSample;
}

/** Receives the events of a server. Must be fast, and doesn't throw. */
export type AdminRecorder = (event: AdminEvent) => void;

/** The console of one server, as an {@link AdminHub} with a port. */
export interface ServerConsole extends AdminHub {
  /** Address with the token; empty before `listen`. */
  readonly url: string;
  /** @throws the system's error, with its remedy, when the port is not available */
  listen(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Shows servers in an admin console. Implemented by `@parley/admin`. */
export interface AdminHub {
  /** Whether bodies of messages are kept. */
  readonly keepsBodies: boolean;
  /** Adds a server. Returns the function that records its events. */
  attach(source: AdminSource): AdminRecorder;
}
