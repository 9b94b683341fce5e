import { StorageError, type StorageErrorCode } from "@parley/storage";
import { conflict, RegistryError } from "../registry/registry-error.ts";

/** Functions that one process offers to another. Arguments and results are cloned. */
export type ProcessMethods = Readonly<Record<string, (...args: never[]) => unknown>>;

/** One end of a connection between two processes: `process`, or a `ChildProcess`. */
export interface ProcessEnd {
  send?(message: ProcessMessage, onSent: (error: Error | null) => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
}

/** What crosses between processes. */
export type ProcessMessage =
  /** Without an id, no result is expected. */
  | { readonly type: "call"; readonly id?: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "error"; readonly id: number; readonly error: ClonedError };

interface ClonedError {
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: string | undefined;
  readonly type: "registry" | "storage" | "other";
}

interface OpenCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls between two processes, in both directions. Errors keep their message, code and stack, and the class of a registry's or storage's error. */
export class ProcessCalls<Remote extends ProcessMethods> {
  readonly #end: ProcessEnd;
  readonly #methods: ProcessMethods;
  readonly #open = new Map<number, OpenCall>();
  #lastId = 0;
  #failure: Error | undefined;

  /** @param methods what the other process may call. */
  constructor(end: ProcessEnd, methods: ProcessMethods) {
    this.#end = end;
    this.#methods = methods;
    end.on("message", (message) => this.#take(message as ProcessMessage));
  }

  /** Calls a method of the other process. @throws whatever the method throws; the error given to {@link fail}. */
  call<Name extends keyof Remote & string>(method: Name, ...args: Parameters<Remote[Name]>): Promise<Awaited<ReturnType<Remote[Name]>>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#post({ type: "call", id, method, args });
    });
  }

  /** Calls a method of the other process without waiting for it. */
  send<Name extends keyof Remote & string>(method: Name, ...args: Parameters<Remote[Name]>): void {
    this.#post({ type: "call", method, args });
  }

  /** The other process has ended: open and later calls are rejected. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  #post(message: ProcessMessage): void {
    // Sending fails if the process has ended, which its owner detects separately.
    this.#end.send?.(message, () => undefined);
  }

  #take(message: ProcessMessage): void {
    if (message.type === "call") return void this.#run(message);
    const open = this.#open.get(message.id);
    this.#open.delete(message.id);
    if (message.type === "result") open?.resolve(message.result);
    else open?.reject(revived(message.error));
  }

  async #run({ id, method, args }: Extract<ProcessMessage, { type: "call" }>): Promise<void> {
    try {
      const run = this.#methods[method] as ((...given: readonly unknown[]) => unknown) | undefined;
      if (run === undefined) throw new TypeError(`Unknown method of the other process: ${method}`);
      const result = await run(...args);
      if (id !== undefined) this.#post({ type: "result", id, result });
    } catch (error) {
      if (id !== undefined) this.#post({ type: "error", id, error: cloned(error) });
    }
  }
}

function cloned(thrown: unknown): ClonedError {
  const type = thrown instanceof RegistryError ? "registry" : thrown instanceof StorageError ? "storage" : "other";
  if (!(thrown instanceof Error)) return { message: String(thrown), type };
  const { message, stack } = thrown;
  return { message, stack, type, code: "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined };
}

function revived({ message, stack, code, type }: ClonedError): Error {
  const error =
    type === "registry"
      ? conflict()
      : type === "storage"
        ? new StorageError(code as StorageErrorCode, message)
        : Object.assign(new Error(message), code !== undefined && { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}
