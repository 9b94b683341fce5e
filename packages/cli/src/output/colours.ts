import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

/** Styles that the commands use. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Adds a style to a text, or nothing. */
export type Paint = (style: Style, text: string) => string;

/** Colours only on a terminal, and not where `NO_COLOR` is set to any text or `TERM` is `dumb`. */
export function paintFor(stream: Pick<WriteStream, "isTTY">, environment: Readonly<NodeJS.ProcessEnv>): Paint {
  const isPlain = !stream.isTTY || (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return isPlain ? (_style, text) => text : (style, text) => styleText(style, text);
}
