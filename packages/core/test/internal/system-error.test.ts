import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { isPassingSystemError, systemCode, systemReason } from "../../src/internal/index.ts";

const coded = (code: unknown): Error => Object.assign(new Error("raw"), { code });

it("gives the reason of the operating system in words, also of a cause", () => {
  const full = new Error("Writing failed", { cause: new Error("deeper", { cause: coded("ENOSPC") }) });
  expect([systemCode(full), systemReason(full), isPassingSystemError(full)]).toEqual(["ENOSPC", "no space left on device", true]);
  expect(systemReason(coded("EROFS"))).toBe("read-only file system");
  expect(isPassingSystemError(coded("EROFS"))).toBe(false);
  expect(systemReason(coded("EWHATEVER"))).toBe("EWHATEVER");
  expect(() => readFileSync("/no/such/file")).toThrow(expect.toSatisfy((error) => systemReason(error) === "no such file or directory"));
});

it("gives the message of any other error, and survives causes in a circle", () => {
  expect(systemReason(coded("data_dir_locked"))).toBe("raw");
  expect(systemReason("text")).toBe("text");
  const [one, two] = [new Error("one"), new Error("two")];
  one.cause = two;
  two.cause = one;
  expect(systemCode(one)).toBeUndefined();
});
