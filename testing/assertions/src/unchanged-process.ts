// Setup of test files that share a worker. A file that leaves the process changed would change the results of later files, so it fails.
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, vi } from "vitest";

/** Events of the process whose listeners decide what happens in later tests. */
const EVENTS = ["warning", "unhandledRejection", "uncaughtException", "SIGINT", "SIGTERM", "SIGHUP"];
/** Resources that stay until something closes them. */
const RESOURCES = new Set(["TCPServerWrap", "PipeServerWrap", "ProcessWrap", "FSEventWrap", "StatWatcher", "UDPWrap", "Worker"]);
const CLOSING_MS = 10_000;

/** Accessors are left out: Node replaces those of globals that it loads at their first use. */
const globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis)).filter(([, descriptor]) => "value" in descriptor);

function stateOf(): Record<string, unknown> {
  const changed = globals.filter(([name, { value }]) => Object.getOwnPropertyDescriptor(globalThis, name)?.value !== value);
  return {
    "working directory": process.cwd(),
    "environment variables": { ...process.env },
    listeners: Object.fromEntries(EVENTS.map((name) => [name, process.listenerCount(name)])),
    "changed globals": changed.map(([name]) => name),
    "fake timers": vi.isFakeTimers(),
  };
}

function openResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((type) => RESOURCES.has(type))
    .toSorted();
}

let before: Record<string, unknown>;
let openBefore: string[];

beforeAll(() => {
  before = stateOf();
  openBefore = openResources();
});

afterAll(async () => {
  expect(stateOf(), "the tests of this file left the process changed").toEqual(before);
  const deadline = performance.now() + CLOSING_MS;
  while (openResources().length > openBefore.length && performance.now() < deadline) await pause(10);
  expect(openResources(), "the tests of this file left servers or processes open").toEqual(openBefore);
});
