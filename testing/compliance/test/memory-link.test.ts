import type { Connection } from "@parley/core";
import { createMemoryLink } from "@parley/core/memory";
import { transportCompliance, type TransportHarness } from "../src/index.ts";

const SILENT = { onDisconnect() {}, onReconnect() {}, onFault() {} };

async function memoryHarness(): Promise<TransportHarness> {
  const link = createMemoryLink();
  const node: Connection = await link.right.connect({ did: "did:web:node.example", protocols: ["*"], events: SILENT });
  const accepted = node.deliveries[Symbol.asyncIterator]();
  const unable = () => {
    throw new Error("a memory link can't do this");
  };
  return {
    transport: link.left,
    deliver: async (_did, plaintext) => void (await node.send(plaintext)),
    async received() {
      const result = await accepted.next();
      if (result.done === true) throw new Error("the node has gone");
      result.value.settle({ status: "handled" });
      return result.value.plaintext;
    },
    refuseMessages: () => void node.close(),
    stall: unable,
    refuseJoins: unable,
    cut: async () => link.cut(),
    restore: async () => link.restore(),
    stop: () => node.close(),
  };
}

transportCompliance("The memory link", memoryHarness, []);
