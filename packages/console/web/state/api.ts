import { type Signal, signal } from "@preact/signals";
import type { AdminInfo } from "@parley/admin";
import { savedAnswer, session } from "./session.ts";
import { setToken, token } from "./token.ts";

/** A call that failed. */
export class CallError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether the server answers. */
export const connection: Signal<"waiting" | "ok" | "lost" | "refused"> = signal("waiting");
export const info: Signal<AdminInfo | undefined> = signal(undefined);

/** Uses a token that was typed in. */
export function useToken(value: string): void {
  setToken(value);
  connection.value = "waiting";
}

/** Asks the server, or the open session. @throws CallError */
export async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  if (session.peek() !== undefined) return savedAnswer(path) as T;
  const response = await request(path, init);
  return (await response.json()) as T;
}

/** @throws CallError */
export async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`api/${path}`, {
      ...init,
      headers: { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${token.peek()}` },
    });
  } catch {
    connection.value = "lost";
    throw new CallError(0, "lost", "The server does not answer");
  }
  if (response.ok) {
    connection.value = "ok";
    return response;
  }
  const { error = response.statusText, code = "failed" } = (await response.json().catch(() => ({}))) as { error?: string; code?: string };
  if (response.status === 401) connection.value = "refused";
  throw new CallError(response.status, code, error);
}

/** Changes something in a server. @throws CallError */
export function act<T>(source: string, name: string, parameters: Readonly<Record<string, string>>): Promise<T> {
  return call(`act/${source}/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(parameters),
  });
}

/** Whether a server answers a question. */
export function canRead(source: string, name: string): boolean {
  return info.value?.sources.some((one) => one.name === source && one.reads.includes(name)) === true;
}

/** Whether a server lets the console change this. */
export function canAct(source: string, name: string): boolean {
  return session.value === undefined && info.value?.sources.some((one) => one.name === source && one.actions.includes(name)) === true;
}

/** The path of a read. */
export function readPath(source: string, name: string, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "")).toString();
  return `read/${source}/${name}${query === "" ? "" : `?${query}`}`;
}
