import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sendKeysOf } from "../../src/channel/send-key.ts";
import { signWith } from "../../src/invites/ed25519.ts";

const CHANNEL = "acme/team/general";

function agent(seed = Uint8Array.from(randomBytes(32))): { sign(content: Uint8Array): Uint8Array } {
  return { sign: (content) => signWith(seed, content) };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("keys of sends with an id", () => {
  it("are the same after a restart of the agent", () => {
    const seed = Uint8Array.from(randomBytes(32));
    const [one, two] = [sendKeysOf(agent(seed), CHANNEL), sendKeysOf(agent(seed), CHANNEL)];
    expect(one("id", 0)).toEqual(two("id", 0));
    expect(one("id", 0)).toHaveLength(16);
  });

  it("differ by agent, channel, id and attempt", () => {
    const seed = Uint8Array.from(randomBytes(32));
    const keys = [
      sendKeysOf(agent(seed), CHANNEL)("id", 0),
      sendKeysOf(agent(), CHANNEL)("id", 0),
      sendKeysOf(agent(seed), "acme/team/other")("id", 0),
      sendKeysOf(agent(seed), CHANNEL)("other", 0),
      sendKeysOf(agent(seed), CHANNEL)("id", 1),
    ];
    expect(new Set(keys.map(hex)).size).toBe(keys.length);
  });

  it("differ for any two ids and attempts", () => {
    const keys = sendKeysOf(agent(), CHANNEL);
    const input = fc.tuple(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(input, input, (a, b) => {
        const areSame = a[0] === b[0] && a[1] === b[1];
        expect(hex(keys(...a)) === hex(keys(...b))).toBe(areSame);
      }),
    );
    expect(hex(keys("\ud800", 0))).not.toBe(hex(keys("\ud801", 0)));
  });

  it("do not reveal the id to a party that guesses it", () => {
    const id = "id";
    const key = hex(sendKeysOf(agent(), CHANNEL)(id, 0));
    for (const guess of [id, `0\0${id}`, CHANNEL + id]) {
      expect(key).not.toBe(createHash("sha256").update(guess).digest("hex").slice(0, 32));
    }
  });
});
