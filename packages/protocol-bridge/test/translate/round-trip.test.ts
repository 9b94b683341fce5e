import { Protocol, type Envelope } from "@parley/envelope-and-adapters";
import { readA2aMessage } from "@parley/envelope-and-adapters/a2a";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lostOf, roundTrip, withoutTrace } from "../support/across.ts";
import { a2aEnvelopes, didcommEnvelopes, mcpEnvelopes, slimEnvelopes } from "../support/arbitraries.ts";
import { json } from "../support/messages.ts";

const { A2A, DIDCOMM, MCP, SLIM } = Protocol;

/** The same envelope, or one whose JSON was reformatted and whose trace lists that. */
function expectReturned(sent: Envelope, returned: Envelope): void {
  expect(returned.protocol).toBe(sent.protocol);
  expect(returned.contentType).toBe(sent.contentType);
  expect(withoutTrace(returned)).toEqual(withoutTrace(sent));
  expect(returned.extraHeaders).toEqual(sent.extraHeaders);
  const isSame = Buffer.compare(returned.payload, sent.payload) === 0;
  expect(isSame || lostOf(returned).includes("json")).toBe(true);
}

describe("translation and back", () => {
  it("A2A → SLIM → A2A restores the message", () => {
    const trip = roundTrip(A2A, SLIM);
    fc.assert(
      fc.property(a2aEnvelopes(), (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(json(home)).toEqual(json(sent));
        expect(lostOf(home).filter((name) => name !== "json")).toEqual([]);
      }),
    );
  });

  it("SLIM → A2A → SLIM restores every byte", () => {
    const trip = roundTrip(SLIM, A2A);
    fc.assert(
      fc.property(slimEnvelopes, (sent) => {
        const { away, home } = trip(sent);
        expectReturned(sent, home);
        expect(lostOf(home)).toEqual([]);
        expect(readA2aMessage(json(away) as never).parts).toHaveLength(1);
      }),
    );
  });

  it("MCP → SLIM → MCP restores every byte and the address", () => {
    const trip = roundTrip(MCP, SLIM);
    fc.assert(
      fc.property(mcpEnvelopes, (sent) => {
        const { away, home } = trip(sent);
        expectReturned(sent, home);
        expect(away.payload).toEqual(sent.payload);
        expect(lostOf(home)).toEqual([]);
      }),
    );
  });

  it("SLIM → MCP → SLIM restores every byte", () => {
    const trip = roundTrip(SLIM, MCP);
    fc.assert(
      fc.property(slimEnvelopes, (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(lostOf(home)).toEqual([]);
      }),
    );
  });

  it("DIDComm → SLIM → DIDComm restores the message", () => {
    const trip = roundTrip(DIDCOMM, SLIM);
    fc.assert(
      fc.property(didcommEnvelopes, (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(json(home)).toEqual(json(sent));
      }),
    );
  });

  it("SLIM → DIDComm → SLIM restores every byte", () => {
    const trip = roundTrip(SLIM, DIDCOMM);
    fc.assert(
      fc.property(slimEnvelopes, (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(lostOf(home)).toEqual([]);
      }),
    );
  });

  it("DIDComm → A2A → DIDComm restores the message", () => {
    const trip = roundTrip(DIDCOMM, A2A);
    fc.assert(
      fc.property(didcommEnvelopes, (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(json(home)).toEqual(json(sent));
      }),
    );
  });

  it("A2A → DIDComm → A2A restores all members that A2A defines, in the form of A2A 1.0", () => {
    const trip = roundTrip(A2A, DIDCOMM);
    fc.assert(
      fc.property(a2aEnvelopes(), (sent) => {
        const { home } = trip(sent);
        expectReturned(sent, home);
        expect(readA2aMessage(json(home) as never)).toEqual(readA2aMessage(json(sent) as never));
        expect(lostOf(home).filter((name) => name !== "json")).toEqual([]);
      }),
    );
  });
});
