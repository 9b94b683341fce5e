import { parseOptions } from "./parse-options.ts";

/** Prints a new API key, for `keys create`. It can't be printed again. */
export function printCreatedKey({ id, key }: { readonly id: string; readonly key: string }): void {
  console.log(`id ${id}\nkey ${key}`);
}

/** Prints a record of a list: its id, when it was created, and other fields, separated by tabs. */
export function printRecord({ id, createdAt }: { readonly id: string; readonly createdAt: number }, ...fields: readonly string[]): void {
  console.log([id, new Date(createdAt).toISOString(), ...fields].join("\t"));
}

/**
 * Parses the arguments of `keys revoke`.
 *
 * @param flags the other flags of the command.
 * @param form the form of ids that may begin with `-`.
 * @throws TypeError
 */
export function parseRevocation(
  program: string,
  args: readonly string[],
  flags: Readonly<Record<string, { readonly type: "string" }>>,
  form?: RegExp,
): { readonly id: string; readonly values: Readonly<Record<string, string | undefined>> } {
  const { values, positionals } = parseOptions(program, { args: [...args], options: flags, allowPositionals: true }, form);
  const [id] = positionals;
  if (id === undefined) throw new TypeError(`missing key id: ${program} keys revoke <id> --data-dir <path>`);
  return { id, values };
}
