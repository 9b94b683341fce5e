import type { Telemetry } from "@parley/core";
import { IS_BOOLEAN, IS_LOGGER, IS_PORT, IS_TELEMETRY, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import type { Logger } from "pino";
import { z } from "zod";
import { readPortOption } from "../cli/read-port-option.ts";
import { IS_TRUST_PROXY, readTrustProxyOption, type TrustProxy } from "../connections/trust-proxy.ts";

/** A schema of one option, or of an object of options. */
export type OptionSchema<T> = z.ZodType<T>;

/** The use of an option by the command of a server. */
export interface OptionUse {
  /** The placeholder of the flag's value, such as `<n>`; `""` for a switch. Absent: the option has no flag. */
  readonly flag?: string;
  /** Reads the flag's text. Default: the text itself. @throws TypeError */
  readonly read?: (flag: string, text: string) => unknown;
  /** Whether the file of `--config` can contain the option. Default `true`. */
  readonly inConfig?: boolean;
}

/** Metadata of an option for error messages and for the command, in addition to its type. */
export const optionMeta: z.core.$ZodRegistry<OptionUse & Partial<OptionCheck>> = z.registry();

/** The schemas of an object's members: one for each, of its type. Members that may be absent are `.optional()`, or have a default. */
export type OptionShape<T> = { readonly [K in keyof T]-?: OptionSchema<T[K] | (object extends Pick<T, K> ? undefined : never)> };

/** A rule that concerns several members of an object of options. */
export interface OptionRule<T> {
  /** The member that an error names. */
  readonly name: keyof T & string;
  /** Completes the message `Option "<name>" …`. */
  readonly must: string;
  readonly holds: (options: T) => boolean;
}

/** Options with the given members. {@link readOptions} rejects unknown names. */
export function options<T extends object>(shape: OptionShape<T>, ...rules: readonly OptionRule<T>[]): OptionSchema<T> {
  const schema = z.object(shape) as unknown as OptionSchema<T>;
  return rules.reduce(
    (ruled, { name, must, holds }) => ruled.refine(holds, { path: [name], error: must, params: { isRule: true } }),
    schema,
  );
}

/** An option with a check of its own. */
export function option<T>(check: OptionCheck, use: OptionUse = {}): OptionSchema<T> {
  return z.custom<T>((value) => check.is(value)).register(optionMeta, { ...check, ...use });
}

/** A list of options of one kind. */
export function listOf<T>(schema: OptionSchema<T>): OptionSchema<readonly T[]> {
  return z.array(schema).register(optionMeta, { expected: "a list" });
}

/** A port that a flag can set. `0` takes a free one. */
export function port(): OptionSchema<number> {
  return option(IS_PORT, { flag: "<n>", read: readPortOption });
}

export function text(use: OptionUse = {}): OptionSchema<string> {
  return option(IS_TEXT, use);
}

export function trueOrFalse(use: OptionUse = {}): OptionSchema<boolean> {
  return option(IS_BOOLEAN, use);
}

/** One of two texts. */
export function choice<T extends string>(one: T, other: T, use: OptionUse = {}): OptionSchema<T> {
  const is = (value: unknown): boolean => value === one || value === other;
  const read = (flag: string, given: string): string => {
    if (!is(given)) throw new TypeError(`${flag} must be ${one} or ${other}`);
    return given;
  };
  return option({ expected: `"${one}" or "${other}"`, is, isPublic: true }, { read, ...use });
}

/** The proxies in front of a server. */
export function trustedProxies(): OptionSchema<TrustProxy> {
  return option(IS_TRUST_PROXY, { flag: "[<n>|<address>,…]", read: readTrustProxyOption });
}

/** A key of 32 bytes, from a program only. */
export function secretKey(): OptionSchema<Uint8Array> {
  const is = (value: unknown): boolean => value instanceof Uint8Array && value.length === 32;
  return option({ expected: "a Uint8Array of 32 bytes", is, isSecret: true }, { inConfig: false });
}

/** A pino logger, or `false`. */
export function logger(): OptionSchema<Logger | false> {
  return option(IS_LOGGER, { inConfig: false });
}

/** What receives the spans of a server. */
export function telemetry(): OptionSchema<Telemetry> {
  return option(IS_TELEMETRY, { inConfig: false });
}

/** A number of things, such as connections or bytes, with its default. `Infinity` lifts the limit. */
export function count(standard: number): OptionSchema<number> {
  const is = (value: unknown): boolean => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) > 0);
  return option<number>({ expected: "an integer greater than 0", is }).default(standard);
}

/** A rate or a duration, with its default. */
export function amount(standard: number): OptionSchema<number> {
  return option<number>({ expected: "a number greater than 0", is: (value) => typeof value === "number" && value > 0 }).default(standard);
}

/** Milliseconds in a range, with their default. */
export function milliseconds(min: number, max: number, standard: number): OptionSchema<number> {
  const is = (value: unknown): boolean => typeof value === "number" && value >= min && value <= max;
  return option<number>({ expected: `a number of milliseconds from ${min} to ${max}`, is }).default(standard);
}
