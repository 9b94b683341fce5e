import { describe, expect, it } from "vitest";
import { deferred, KeyedMutex, Mutex } from "../../src/internal/index.ts";

function taskLog() {
  const log: string[] = [];
  const task = (name: string, end: Promise<void>) => async () => {
    log.push(`${name} begins`);
    await end;
    log.push(`${name} ends`);
    return name;
  };
  return { log, task };
}

describe("Mutex", () => {
  it("runs tasks one after the other, and continues after a failure", async () => {
    const { log, task } = taskLog();
    const gate = deferred<void>();
    const mutex = new Mutex();
    const first = mutex.run(task("first", gate.promise));
    const second = mutex.run(() => Promise.reject(new Error("broken")));
    const third = mutex.run(task("third", Promise.resolve()));
    gate.resolve();
    await expect(first).resolves.toBe("first");
    await expect(second).rejects.toThrow("broken");
    await expect(third).resolves.toBe("third");
    expect(log).toEqual(["first begins", "first ends", "third begins", "third ends"]);
  });
});

describe("KeyedMutex", () => {
  it("runs tasks with one key one after the other, and tasks with other keys at the same time", async () => {
    const { log, task } = taskLog();
    const gate = deferred<void>();
    const mutex = new KeyedMutex();
    const first = mutex.run("a", task("a1", gate.promise));
    const second = mutex.run("a", task("a2", Promise.resolve()));
    await mutex.run("b", task("b1", Promise.resolve()));
    expect(log).toEqual(["a1 begins", "b1 begins", "b1 ends"]);
    gate.resolve();
    await expect(Promise.all([first, second])).resolves.toEqual(["a1", "a2"]);
    expect(log.slice(3)).toEqual(["a1 ends", "a2 begins", "a2 ends"]);
  });

  it("is idle when the tasks passed so far have ended, failed ones included", async () => {
    const { log, task } = taskLog();
    const mutex = new KeyedMutex();
    const failed = expect(mutex.run("a", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    void mutex.run("a", task("a2", Promise.resolve()));
    await mutex.idle();
    expect(log).toEqual(["a2 begins", "a2 ends"]);
    await failed;
  });
});
