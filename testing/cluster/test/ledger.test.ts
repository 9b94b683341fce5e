import { expect, it } from "vitest";
import { Ledger } from "../src/index.ts";

it("finds messages that are lost, handled twice, or were never sent", () => {
  const ledger = new Ledger();
  for (const text of ["kept", "lost", "twice", "not acknowledged"]) ledger.send(text);
  for (const text of ["kept", "lost", "twice"]) ledger.acknowledge(text);
  for (const text of ["kept", "twice", "twice", "unknown"]) ledger.handle(text);
  const { acknowledged, lost, twice, unknown } = ledger;
  expect({ acknowledged, lost, twice, unknown }).toEqual({ acknowledged: 3, lost: ["lost"], twice: ["twice"], unknown: ["unknown"] });
});
