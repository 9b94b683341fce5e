import { createMemoryChannels, createMemoryPorts, type MemoryPort } from "@parley/envelope-and-adapters/memory";
import { portCompliance, type PortHarness } from "../src/index.ts";

const maxBuffered = 100;

function harness(ports: readonly [MemoryPort, MemoryPort, MemoryPort]): PortHarness {
  return { ports, maxBuffered, close: async () => void (await Promise.all(ports.map((port) => port.close()))) };
}

portCompliance("a memory port", async () => harness(createMemoryPorts(["a", "b", "c"], { maxBuffered })));

portCompliance("a memory port that keeps what is unread", async () =>
  harness(createMemoryPorts(["a", "b", "c"], { maxBuffered, keepUnread: true })),
);

portCompliance("a memory channel", async () => {
  const [a, b, c] = createMemoryChannels(["a", "b", "c"], { maxBuffered });
  const welcome = new Uint8Array();
  return harness([await a.create("org/ns/x"), await b.join("org/ns/x", welcome), await c.join("org/ns/x", welcome)]);
});
