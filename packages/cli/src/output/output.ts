import { paintFor, type Paint } from "./colours.ts";

/** What a command writes: data to standard output, everything else to standard error. */
export interface Output {
  /** Whether standard output has JSON: one object, or one object a line for commands that run until they are stopped. */
  readonly isJson: boolean;
  /** For texts on standard output. */
  readonly paint: Paint;
  /** Writes data: the object as a line of JSON with `--json`, else the text of `format`. If that is empty, notes `whenEmpty`. */
  data<T extends object>(value: T, format: (value: T, paint: Paint) => string, whenEmpty?: string): void;
  /** Writes a line for people to standard error. */
  note(text: string): void;
}

/** The output of this process. */
export function createOutput(isJson: boolean, environment: Readonly<NodeJS.ProcessEnv>): Output {
  const paint = paintFor(process.stdout, environment);
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    isJson,
    paint,
    data: (value, format, whenEmpty) => {
      const text = isJson ? JSON.stringify(value) : format(value, paint);
      if (text !== "") process.stdout.write(`${text}\n`);
      else if (whenEmpty !== undefined) note(whenEmpty);
    },
    note,
  };
}
