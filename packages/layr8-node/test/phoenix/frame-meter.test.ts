import { expect, it } from "vitest";
import { FrameMeter } from "../../src/phoenix/frame-meter.ts";

const FRAGMENT = 128;

/** A masked frame of a client. */
function frame(payload: Buffer | string, { fin = true, opcode = 1 }: { fin?: boolean; opcode?: number } = {}): Buffer {
  const body = Buffer.from(payload);
  const { length } = body;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = (fin ? 0x80 : 0) | opcode;
  header[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, Buffer.alloc(4), body]);
}

it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])(
  "counts the received bytes of a message of %i bytes for any split into chunks",
  (length) => {
    const bytes = frame(Buffer.alloc(length));
    for (const step of [512, 777, 4096, bytes.length]) {
      const meter = new FrameMeter();
      let completed = 0;
      for (let at = 0; at < bytes.length; at += step) {
        const chunk = bytes.subarray(at, at + step);
        if (meter.push(chunk)) completed += 1;
        const arrived = Math.max(0, at + chunk.length - (bytes.length - length));
        expect(meter.held).toBe(at + chunk.length === bytes.length ? 0 : arrived);
      }
      expect(completed).toBe(1);
    }
  },
);

it("counts short chunks of a frame as 512 bytes each until it is complete", () => {
  const meter = new FrameMeter();
  const bytes = frame(Buffer.alloc(1000));
  meter.push(bytes.subarray(0, 8));
  for (let at = 8; at < 108; at++) {
    expect(meter.push(bytes.subarray(at, at + 1))).toBe(false);
    expect(meter.held).toBeGreaterThanOrEqual((at - 7) * 512);
  }
  expect(meter.push(bytes.subarray(108))).toBe(true);
  expect(meter.held).toBe(0);
});

it("counts fragments together, with their overhead, and ignores pings between them", () => {
  const meter = new FrameMeter();
  expect(meter.push(frame("abc", { fin: false }))).toBe(false);
  expect(meter.push(frame("ping", { opcode: 9 }))).toBe(false);
  meter.push(frame("", { fin: false, opcode: 0 }));
  expect(meter.held).toBe(3 + 2 * FRAGMENT);
  expect(meter.push(Buffer.concat([frame("d", { opcode: 0 }), frame("next", { fin: false })]))).toBe(true);
  expect(meter.held).toBe(4 + FRAGMENT);
  expect(meter.takeParts()).toBe(4);
  expect(meter.takeParts()).toBe(0);
});
