import { describe, expect, it } from "vitest";
import { builtinProtocols } from "./builtin-protocols.ts";
import { connecting } from "./connecting.ts";
import { delivery } from "./delivery.ts";
import { rejections } from "./rejections.ts";
import { type NodeEnvironment, NodeSuite } from "./suite.ts";

/** The guarantees of a node to agents, whether it has its data for itself or shares it with others. */
export function nodeSuite(name: string, environment: NodeEnvironment): void {
  describe(name, () => {
    const suite = new NodeSuite(environment);
    connecting(suite);
    delivery(suite);
    rejections(suite);
    builtinProtocols(suite);
    if (environment.exceptions === undefined) return;
    it("has exceptions for tests of this suite only", () => {
      expect(suite.unusedExceptions).toEqual([]);
    });
  });
}
