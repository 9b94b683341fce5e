/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  readonly text: string;
}

/** What a container of an image runs, and as whom. */
export interface Image {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

/** Reads the instructions of a Dockerfile without continued lines, heredocs and parser directives. @throws Error for any other line */
export function readDockerfile(text: string): readonly Instruction[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const { name, text: rest } = /^(?<name>[A-Z]+) (?<text>.+)$/.exec(line)?.groups ?? {};
      if (name === undefined || rest === undefined) throw new Error(`not an instruction: ${line}`);
      return { name, text: rest };
    });
}

/** What the last stage of a Dockerfile runs. @throws Error if a command is not a list of words, which a shell would run */
export function imageOf(instructions: readonly Instruction[]): Image {
  const stage = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
  const last = (name: string): string => stage.findLast((instruction) => instruction.name === name)?.text ?? "";
  return {
    user: last("USER"),
    entrypoint: wordsOf(last("ENTRYPOINT")),
    command: wordsOf(last("CMD")),
    healthcheck: wordsOf(last("HEALTHCHECK").replace(/^.*?CMD /, "")),
  };
}

/** Rules of a Dockerfile that this repository keeps, as sentences about what breaks them. */
export function dockerfileProblems(instructions: readonly Instruction[]): readonly string[] {
  const problems: string[] = [];
  const { user, healthcheck } = imageOf(instructions);
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user)) problems.push(`USER ${user} is not the number of a user and group other than root`);
  if (healthcheck.length === 0) problems.push("HEALTHCHECK is missing");
  const names = new Set(instructions.map(({ name }) => name));
  for (const name of ["ADD", "ONBUILD", "SHELL", "ARG"]) if (names.has(name)) problems.push(`${name} is not used here`);
  const stages = new Set(instructions.flatMap(({ name, text }) => (name === "FROM" ? (/ AS (\w+)$/.exec(text)?.[1] ?? []) : [])));
  for (const { name, text } of instructions) {
    if (name === "FROM" && !/^[\w./-]+:[\w.-]+(?: AS \w+)?$/.test(text)) problems.push(`FROM ${text} has no tag`);
    if (name === "FROM" && text.includes(":latest")) problems.push(`FROM ${text}: the tag can be another image tomorrow`);
    if (name === "RUN" && /\b(?:curl|wget|sudo|npm install|apt-get upgrade)\b/.test(text)) problems.push(`RUN ${text}: not repeatable`);
    if (name === "ENV" && /KEY|TOKEN|SECRET|PASSWORD/i.test(text)) problems.push(`ENV ${text}: a secret would be in the image`);
    const from = name === "COPY" ? /--from=(\w+)/.exec(text)?.[1] : undefined;
    if (from !== undefined && !stages.has(from)) problems.push(`COPY --from=${from}: unknown stage`);
  }
  return problems;
}

function wordsOf(text: string): readonly string[] {
  const words: unknown = text === "" ? [] : JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) throw new Error(`not a list of words: ${text}`);
  return words;
}
