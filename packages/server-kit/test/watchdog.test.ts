import { afterEach, describe, expect, it } from "vitest";
import { type HeldLoop, Watchdog } from "../src/watchdog.ts";

describe("a watchdog", () => {
  let watchdog: Watchdog;

  afterEach(() => watchdog.close());

  it("names the accounts that were most active while the event loop was blocked, and not those that were active before", () => {
    let time = 0;
    const held: HeldLoop[] = [];
    watchdog = new Watchdog({ onHeld: (report) => held.push(report), now: () => time });
    watchdog.note("relay frame", "alice");
    time += 25;
    watchdog.tick();
    watchdog.note("GET /v1/channels", "bob");
    watchdog.note("relay frame", "mallory");
    const sockets = [watchdog.counter("relay frame", "mallory"), watchdog.counter("relay frame", "mallory")];
    for (const countFrame of sockets) countFrame();
    time += 1020;
    watchdog.tick();
    expect(held).toEqual([
      {
        heldMs: 1000,
        active: [
          { account: "mallory", what: "relay frame", count: 3 },
          { account: "bob", what: "GET /v1/channels", count: 1 },
        ],
      },
    ]);
  });
});
