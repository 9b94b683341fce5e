import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePunycode } from "../src/punycode.ts";

describe("decodePunycode", () => {
  // RFC 3492, section 7.1, in small letters.
  it.each([
    ["egbpdaj6bu4bxfgehfvwxn", "ليهمابتكلموشعربي؟"],
    ["ihqwcrb4cv8a8dqg056pqjye", "他们为什么不说中文"],
    ["4dbcagdahymbxekheh6e0a7fei0b", "למההםפשוטלאמדבריםעברית"],
    ["n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa", "なぜみんな日本語を話してくれないのか"],
    ["989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c", "세계의모든사람들이한국어를이해한다면얼마나좋을까"],
    ["b1abfaaepdrnnbgefbadotcwatmq2g4l", "почемужеонинеговорятпорусски"],
    ["hello-another-way--fc4qua05auwb3674vfr0b", "hello-another-way-それぞれの場所"],
    ["2-u9tlzr9756bt3uc0v", "ひとつ屋根の下2"],
    ["ls8h", "💩"],
    ["abc-", "abc"],
    ["", ""],
  ])("decodes %j", (label, text) => {
    expect(decodePunycode(label)).toBe(text);
  });

  it.each(["0", "a-0", "-1od", "ls8h0", "99999999", "a_b", "ab=", "é", "9".repeat(59)])("rejects %j", (label) => {
    expect(decodePunycode(label)).toBeUndefined();
  });

  it("decodes the output of a URL parser", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from("abcxyz089éüñßабвγδ中文あ💩")), minLength: 1, maxLength: 12 }),
        (text) => {
          const url = new URL(`https://é${text}.example`);
          const label = url.hostname.slice("xn--".length, -".example".length);
          expect(decodePunycode(label)).toBe(`é${text}`);
        },
      ),
    );
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 80 }), (label) => void decodePunycode(label)));
  });
});
