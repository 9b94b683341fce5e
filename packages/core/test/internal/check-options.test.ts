import { describe, expect, it } from "vitest";
import { checkOptions, checkValues, IS_BOOLEAN, IS_FUNCTION, IS_LOGGER, IS_PORT, IS_TEXT } from "../../src/internal/check-options.ts";

const CHECKS = { port: IS_PORT, host: IS_TEXT, trustProxy: IS_BOOLEAN, logger: IS_LOGGER };

describe("checkOptions", () => {
  it.each([
    [undefined],
    [{}],
    [{ port: 0, host: "::1", trustProxy: false, logger: false }],
    [{ port: 65_535, host: undefined, logger: console }],
  ])("accepts %j", (options) => {
    expect(() => checkOptions(options, CHECKS)).not.toThrow();
  });

  it.each([
    [{ prot: 1 }, 'Unknown option "prot". Did you mean "port"? Valid options: port, host, trustProxy, logger'],
    [{ port: "4000" }, 'Option "port" must be an integer from 0 to 65535, not a string'],
    [{ port: -1 }, 'Option "port" must be an integer from 0 to 65535, not -1'],
    [{ port: 1.5 }, 'Option "port" must be an integer from 0 to 65535, not 1.5'],
    [{ port: null }, 'Option "port" must be an integer from 0 to 65535, not null'],
    [{ host: "" }, 'Option "host" must be a string that is not empty, not an empty string'],
    [{ host: new URL("http://x") }, 'Option "host" must be a string that is not empty, not a URL'],
    [{ host: new Uint8Array() }, 'Option "host" must be a string that is not empty, not a Uint8Array'],
    [{ host: [] }, 'Option "host" must be a string that is not empty, not an array'],
    [{ trustProxy: "yes" }, 'Option "trustProxy" must be true or false, not a string'],
    [{ logger: true }, 'Option "logger" must be a pino logger, or false, not true'],
    [{ logger: {} }, 'Option "logger" must be a pino logger, or false, not an object'],
    [7, "Options must be an object, not a number. Valid options: port, host, trustProxy, logger"],
  ])("rejects %j", (options, message) => {
    expect(() => checkOptions(options, CHECKS)).toThrow(new TypeError(message));
  });

  it("shows texts of options that hold no secrets, and the length of bytes", () => {
    const domain = { expected: "a domain", is: () => false, isPublic: true };
    expect(() => checkOptions({ domain: "http://x" }, { domain })).toThrow('Option "domain" must be a domain, not "http://x"');
    expect(() => checkOptions({ domain: "x".repeat(500) }, { domain })).toThrow(`not "${"x".repeat(100)}"`);
    expect(() => checkOptions({ domain: {} }, { domain })).toThrow("not an object");
    expect(() => checkOptions({ host: new Uint8Array(5) }, CHECKS)).toThrow("not a Uint8Array of 5 bytes");
  });

  it("checks values of one kind", () => {
    const options = { replace: "no", onError: console };
    expect(() => checkValues(undefined, IS_BOOLEAN, ["replace" as never])).not.toThrow();
    expect(() => checkValues({ replace: false }, IS_BOOLEAN, ["replace"])).not.toThrow();
    expect(() => checkValues(options, IS_BOOLEAN, ["replace"])).toThrow('Option "replace" must be true or false, not a string');
    expect(() => checkValues(options, IS_FUNCTION, ["onError"])).toThrow('Option "onError" must be a function, not a console');
  });

  it("names the group of the option", () => {
    expect(() => checkOptions({ certfile: "x" }, { certFile: IS_TEXT }, "tls.")).toThrow('Unknown option "tls.certfile"');
    expect(() => checkOptions({ certFile: 7 }, { certFile: IS_TEXT }, "tls.")).toThrow('Option "tls.certFile" must be');
  });
});
