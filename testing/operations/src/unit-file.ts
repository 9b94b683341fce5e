/** Reads a unit of systemd: the values of each setting, by `Section.Setting`. @throws Error for any other line */
export function readUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[(?<section>\w+)\]$/.exec(line)?.groups?.["section"];
    const { name, value } = /^(?<name>\w+)=(?<value>.*)$/.exec(line)?.groups ?? {};
    if (header !== undefined) section = header;
    else if (name === undefined || value === undefined) throw new Error(`not a setting: ${line}`);
    else settings.set(`${section}.${name}`, [...(settings.get(`${section}.${name}`) ?? []), value]);
  }
  return settings;
}

/** The commands that a unit's comment gives to prepare a machine, in order. */
export function preparation(text: string): readonly string[] {
  return Array.from(text.matchAll(/^# {3}(?<command>.*)$/gm), ({ groups }) => groups?.["command"] ?? "");
}

/** The words of `ExecStart`, without those that come from variables. */
export function execStart(unit: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const [line = ""] = unit.get("Service.ExecStart") ?? [];
  return line.split(" ").filter((word) => !word.startsWith("$"));
}
