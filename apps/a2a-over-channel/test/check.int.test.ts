import { withSkytalePrograms } from "@parley/app-testing";
import { expect, it } from "vitest";

/** The id in a line about a task. */
function taskIn(line: string): string {
  return /task ([\w-]+)/.exec(line)?.[1] ?? "";
}

const numbersIn = (lines: readonly string[]) => lines.filter((line) => /^\d+$/.test(line)).map(Number);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

it("answers messages, and streams the events of a task", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using agent = await start("agent");
    await using client = await start("client", await agent.said("skt_inv_"), "erin");
    await client.said("counter: Counts");
    client.type("good morning");
    await client.said('agent: Hello erin. Say "count to 5"');
    client.type("count to 5");
    await client.said("(completed)");
    expect(client.lines.slice(-7)).toEqual(["(working)", "1", "2", "3", "4", "5", "(completed)"]);
    client.type("/task");
    await client.said("is completed: 1 2 3 4 5)");
    client.endInput();
    expect(await client.exit()).toBe(0);
    agent.kill("SIGTERM");
    expect(await agent.exit()).toBe(0);
  });
});

it("cancels a task, whose stream then ends", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using agent = await start("agent");
    await using client = await start("client", await agent.said("skt_inv_"));
    await client.said("you are client");
    client.type("count to 1000");
    await client.said("(working)");
    client.type("/cancel");
    await client.said("is canceled");
    await client.said("(canceled)");
    client.type("/again");
    await client.said("is in a terminal state");
    client.endInput();
    expect(await client.exit()).toBe(0);
  });
});

it("a client can leave a stream and resubscribe", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using agent = await start("agent");
    await using client = await start("client", await agent.said("skt_inv_"));
    await client.said("you are client");
    client.type("count to 1000");
    await client.said("(working)");
    client.type("/leave");
    await client.said("(left the stream; the task continues)");
    const before = client.lines.length;
    client.type("/again");
    await expect.poll(() => numbersIn(client.lines.slice(before)).length).toBeGreaterThan(3);
    client.type("/cancel");
    await client.said("(canceled)");
    const [first = 0, ...more] = numbersIn(client.lines.slice(before));
    expect(more).toEqual(more.map((_, index) => first + 1 + index));
    client.endInput();
    expect(await client.exit()).toBe(0);
  });
});

it("serves several clients concurrently, each with its own tasks", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using agent = await start("agent");
    const token = await agent.said("skt_inv_");
    await using erin = await start("client", token, "erin");
    await using frank = await start("client", token, "frank");
    await Promise.all([erin.said("you are erin"), frank.said("you are frank")]);
    erin.type("count to 20");
    frank.type("count to 10");
    await Promise.all([erin.said("(completed)"), frank.said("(completed)")]);
    expect(numbersIn(erin.lines)).toEqual(upTo(20));
    expect(numbersIn(frank.lines)).toEqual(upTo(10));
    const id = taskIn(await erin.said("(task "));
    frank.type(`/task ${id}`);
    await frank.said(`(failed: Task not found: ${id})`);
  });
});

it("reports that a restarted agent lost a task, and continues", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using first = await start("agent");
    await using client = await start("client", await first.said("skt_inv_"));
    await client.said("you are client");
    client.type("count to 1000");
    const id = taskIn(await client.said("(task "));
    first.kill("SIGKILL");
    await first.exit();
    client.type("/task");
    await using second = await start("agent");
    await client.said(`(failed: Task not found: ${id})`);
    client.type("good morning");
    await client.said("agent: Hello client.");
    client.endInput();
    expect(await client.exit()).toBe(0);
    await second.said("serving counter");
  });
});

it("prints its usage, and the problem with a token", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using bare = await start("client");
    expect(await bare.exit()).toBe(2);
    await bare.said("usage:");
    await using wrong = await start("client", "skt_inv_nonsense");
    expect(await wrong.exit()).toBe(1);
    await wrong.said("runtime error:");
  });
});
